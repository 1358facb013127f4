import assert from 'node:assert/strict';
import { join } from 'node:path';
import { newApiKey, type Scope } from '../../functions/core/authenticate.ts';
import type { Refusal } from '../support/stack.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';
import { makeProject, projectRoot, type Submitted } from './kit.ts';

type Headers = Record<string, string>;

describe('who may do what with projects', function () {
  this.timeout(30_000);
  const root = projectRoot();
  const project = makeProject(join(root.path, 'theirs'));
  let stack: EmbeddedTestStack;
  let acme: Headers;
  let submitted: Submitted;
  before(async () => {
    stack = await embeddedStack({ auth: 'required', projectRoots: [root.path] });
    acme = await keyOf('acme', 'admin');
    submitted = (await stack.post<Submitted>('/submit-project', { project_path: project }, acme)).body;
  });
  after(async () => {
    await stack.stop();
    root.remove();
  });

  async function keyOf(tenant: string, ...scopes: Scope[]): Promise<Headers> {
    const random = (bytes: number) => Buffer.from(crypto.getRandomValues(new Uint8Array(bytes))).toString('hex');
    const { key, id, record } = newApiKey(random, { tenant, scopes, createdAt: Date.now() });
    await stack.control.commit([{ kind: 'create', collection: 'keys', id, data: { ...record } }]);
    return { authorization: `Bearer ${key}` };
  }
  const ask = (method: string, path: string, headers: Headers) =>
    method === 'GET'
      ? stack.get<Refusal>(path, headers)
      : method === 'PUT'
        ? stack.put<Refusal>(path, { last: 5 }, headers)
        : stack.post<Refusal>(path, path === '/submit-project' ? { project_path: project } : {}, headers);

  it('is said by the scopes: reading looks, dispatching submits, backs up and rolls back', async () => {
    const { project_id: id, backup_id: backup } = submitted;
    const rows: [method: string, path: string, allowed: 'read' | 'dispatch'][] = [
      ['GET', '/projects', 'read'],
      ['GET', `/projects/${id}`, 'read'],
      ['GET', `/projects/${id}/backups`, 'read'],
      ['GET', `/projects/${id}/backups/${backup}`, 'read'],
      ['GET', `/projects/${id}/diff?from=${backup}`, 'read'],
      ['POST', '/submit-project', 'dispatch'],
      ['POST', `/projects/${id}/backups`, 'dispatch'],
      ['POST', `/projects/${id}/backups/${backup}/verify`, 'dispatch'],
      ['POST', `/rollback/${backup}`, 'dispatch'],
    ];
    const keys = { read: await keyOf('acme', 'read'), dispatch: await keyOf('acme', 'dispatch') };
    for (const [method, path, allowed] of rows) {
      const other = allowed === 'read' ? 'dispatch' : 'read';
      const refused = await ask(method, path, keys[other]);
      assert.deepEqual([refused.status, refused.body.code], [403, 'forbidden'], `${method} ${path}`);
      assert.equal((await ask(method, path, keys[allowed])).status, 200, `${method} ${path}`);
    }
  });

  it('leaves it to administrators which ways back are kept: who may spoil a project may not give them up', async () => {
    const path = `/projects/${submitted.project_id}/retention`;
    for (const scopes of [['read'], ['dispatch'], ['read', 'dispatch']] as const) {
      const refused = await ask('PUT', path, await keyOf('acme', ...scopes));
      assert.deepEqual([refused.status, refused.body.code], [403, 'forbidden'], scopes.join());
    }
    assert.equal((await ask('PUT', path, acme)).status, 200);
  });

  it('ends at the tenant: nobody finds, compares or rolls back another’s, also by the same folder', async () => {
    const other = await keyOf('other', 'admin');
    const { project_id: id, backup_id: backup } = submitted;
    const rows: [method: string, path: string, status: number][] = [
      ['GET', `/projects/${id}`, 404],
      ['GET', `/projects/${id}/backups`, 404],
      ['GET', `/projects/${id}/backups/${backup}`, 404],
      ['GET', `/projects/${id}/diff?from=${backup}`, 404],
      ['POST', `/projects/${id}/backups`, 404],
      ['PUT', `/projects/${id}/retention`, 404],
      ['POST', `/rollback/${backup}`, 400],
      ['GET', `/dependency-map?project_path=${encodeURIComponent(project)}&since=${backup}`, 404],
    ];
    for (const [method, path, status] of rows) assert.equal((await ask(method, path, other)).status, status, `${method} ${path}`);
    assert.deepEqual((await stack.get('/projects', other)).body, { projects: [] });
    const theirs = (await stack.post<Submitted>('/submit-project', { project_path: project }, other)).body;
    assert.notEqual(theirs.project_id, id);
    const mixed = await ask('GET', `/projects/${theirs.project_id}/diff?from=${backup}`, other);
    assert.deepEqual([mixed.status, mixed.body.code], [404, 'backup_not_found']);
  });
});
