import assert from 'node:assert/strict';
import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newApiKey } from '../../functions/core/authenticate.ts';
import { temporaryFolder, until } from '../support/folder.ts';
import type { Refusal } from '../support/stack.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';

type Headers = Record<string, string>;

/** What one tenant has, by what it is called in the paths below; `unknown` has the same shapes and is nobody's. */
interface Names {
  readonly task: string;
  readonly id: string;
  readonly project: string;
  readonly backup: string;
  readonly rollback: string;
  readonly hash: string;
  readonly path: string;
  readonly agent: string;
}

const UNKNOWN: Names = {
  task: 'an alias of nobody',
  id: 'f'.repeat(40),
  project: 'f'.repeat(40),
  backup: 'backup_20200101_000000_0123456789abcde',
  rollback: 'f'.repeat(32),
  hash: 'f'.repeat(43),
  path: '',
  agent: 'nobody-at-all',
};

describe('what another tenant has', function () {
  this.timeout(60_000);
  const root = temporaryFolder();
  const path = join(realpathSync(root.path), 'project');
  let stack: EmbeddedTestStack;
  let acme: Headers;
  let other: Headers;
  let theirs: Names;

  before(async () => {
    mkdirSync(path);
    writeFileSync(join(path, 'main.py'), 'theirs\n');
    stack = await embeddedStack({ auth: 'required', projectRoots: [realpathSync(root.path)], 'times.switchesMs': 100 });
    [acme, other] = [await keyOf('acme'), await keyOf('other')];
    const { body: project } = await stack.post<{ project_id: string; backup_id: string }>(
      '/submit-project',
      { project_path: path },
      acme,
    );
    const { body: back } = await stack.post<{ rollback_id: string }>(`/rollback/${project.backup_id}`, {}, acme);
    await stack.post('/register-agent', { name: 'theirs', handler_type: 'mock' }, acme);
    await stack.put('/policies/approvals', { taskTypes: ['deployment'] }, acme);
    const { id, hash } = await waiting('shared name');
    const names = { project: project.project_id, backup: project.backup_id, rollback: back.rollback_id, path };
    theirs = { task: 'shared name', id, hash, agent: 'theirs', ...names };
  });
  after(async () => {
    await stack.stop();
    root.remove();
  });

  async function keyOf(tenant: string): Promise<Headers> {
    const random = (bytes: number) => Buffer.from(crypto.getRandomValues(new Uint8Array(bytes))).toString('hex');
    const { key, id, record } = newApiKey(random, { tenant, scopes: ['dispatch', 'read', 'admin'], createdAt: Date.now() });
    await stack.control.commit([{ kind: 'create', collection: 'keys', id, data: { ...record } }]);
    return { authorization: `Bearer ${key}` };
  }

  /** A deployment that waits for its approval; a policy acts within the time. */
  async function waiting(task_id: string): Promise<{ id: string; hash: string }> {
    const task = { system_name: 'light', module_name: 'm', task_type: 'deployment' };
    await until(async () => {
      await stack.post('/submit-task', task, acme);
      const { body } = await stack.get<{ approvals: unknown[] }>('/approvals', acme);
      return body.approvals.length > 0;
    });
    await stack.post('/submit-task', { ...task, task_id, payload: { secret: 'theirs' } }, acme);
    const { id } = (await stack.get(`/task-status/${encodeURIComponent(task_id)}`, acme)).body;
    const { approvals } = (await stack.get<{ approvals: { taskId: string; hash: string }[] }>('/approvals', acme)).body;
    return { id, hash: String(approvals.find(({ taskId }) => taskId === id)?.hash) };
  }

  const ask = (method: string, to: string, body: unknown) =>
    method === 'GET'
      ? stack.get<Refusal>(to, other)
      : method === 'DELETE'
        ? stack.delete<Refusal>(to, other)
        : stack[method === 'PUT' ? 'put' : 'post']<Refusal>(to, body, other);

  const light = { system_name: 'light', module_name: 'm', task_type: 'analysis' };
  const modification = { ...light, task_type: 'modification' };
  const rows: [string, (of: Names) => string, ((of: Names) => object)?][] = [
    ['GET', ({ task }) => `/task/${task}`],
    ['GET', ({ id }) => `/task/${id}`],
    ['GET', ({ task }) => `/task-status/${task}`],
    ['GET', ({ task }) => `/task/${task}/events`],
    ['POST', ({ task }) => `/task/${task}/cancel`],
    ['POST', ({ task }) => `/task/${task}/redrive`],
    ['GET', ({ task }) => `/budgets/task:${task}`],
    ['POST', () => '/submit-task', ({ task }) => ({ ...light, dependencies: [task] })],
    ['POST', () => '/submit-task', ({ id }) => ({ ...light, dependencies: [id] })],
    ['POST', () => '/submit-task', ({ id }) => ({ ...light, parentTaskId: id })],
    ['POST', () => '/submit-task', ({ agent }) => ({ ...light, system_name: agent })],
    ['POST', () => '/submit-task', ({ project }) => ({ ...modification, projectId: project })],
    ['GET', ({ project }) => `/projects/${project}`],
    ['GET', ({ project }) => `/projects/${project}/backups`],
    ['POST', ({ project }) => `/projects/${project}/backups`],
    ['GET', ({ project, backup }) => `/projects/${project}/backups/${backup}`],
    ['POST', ({ project, backup }) => `/projects/${project}/backups/${backup}/verify`],
    ['GET', ({ project, backup }) => `/projects/${project}/diff?from=${backup}`],
    ['PUT', ({ project }) => `/projects/${project}/retention`, () => ({ last: 1 })],
    ['POST', ({ backup }) => `/rollback/${backup}`],
    ['POST', ({ project }) => `/rollback/latest?project_id=${project}`],
    ['POST', ({ project, backup }) => `/rollback/${backup}?project_id=${project}`],
    ['GET', ({ rollback }) => `/rollbacks/${rollback}`],
    ['POST', ({ id }) => `/approvals/${id}`, ({ hash }) => ({ decision: 'approve', hash })],
    ['POST', () => '/pause', ({ project }) => ({ project })],
    ['POST', () => '/resume', ({ project }) => ({ project })],
    ['GET', ({ agent }) => `/agents/${agent}`],
    ['POST', ({ agent }) => `/agents/${agent}/pause`],
    ['GET', ({ id }) => `/audit?taskId=${id}`],
    ['GET', ({ task }) => `/audit?taskId=${task}`],
  ];
  for (const [method, to, body = () => ({})] of rows) {
    const named = `${method} ${to({ ...UNKNOWN, task: '{task_id}', id: '{id}', project: '{project}', backup: '{backup}' })}`;
    it(`is as what there is not: ${named} ${JSON.stringify(body(UNKNOWN)).slice(0, 90)}`, async () => {
      const [mine, none] = [
        await ask(method, encodeURI(to(theirs)), body(theirs)),
        await ask(method, encodeURI(to(UNKNOWN)), body(UNKNOWN)),
      ];
      assert.ok([400, 404, 422].includes(mine.status), `${mine.status} ${JSON.stringify(mine.body)}`);
      assert.deepEqual([mine.status, unnamed(mine.body, theirs)], [none.status, unnamed(none.body, UNKNOWN)]);
    });
  }

  it('is in no list', async () => {
    for (const list of ['/tasks', '/projects', '/approvals', '/audit', '/system-state', '/switches']) {
      const { status, body } = await stack.get(list, other);
      assert.equal(status, 200, list);
      const text = JSON.stringify(body);
      for (const secret of [theirs.id, theirs.project, theirs.backup, 'theirs'])
        assert.ok(!text.includes(secret), `${list}: ${text}`);
    }
    const exported = await fetch(`${stack.url}/audit/export`, { headers: other });
    assert.equal((await exported.text()).trim(), '{"end":true}');
  });

  it('is not what the same name means to the other', async () => {
    const { body } = await stack.post<{ task_id: string }>('/submit-task', { ...light, task_id: theirs.task }, other);
    assert.equal(body.task_id, theirs.task);
    const { body: view } = await stack.get(`/task-status/${encodeURIComponent(theirs.task)}`, other);
    assert.notEqual(view.id, theirs.id);
    const { body: still } = await stack.get(`/task-status/${encodeURIComponent(theirs.task)}`, acme);
    assert.deepEqual([still.id, still.waitingFor], [theirs.id, ['approval']]);
  });

  it('is of another project, though both have the same folder', async () => {
    const { body } = await stack.post<{ project_id: string; backup_id: string }>('/submit-project', { project_path: path }, other);
    assert.notEqual(body.project_id, theirs.project);
    const { status, body: refusal } = await ask('GET', `/projects/${body.project_id}/backups/${theirs.backup}`, {});
    assert.deepEqual([status, refusal.code], [404, 'backup_not_found']);
  });
});

/** A refusal without what it names. */
function unnamed(body: Refusal, names: Names): string {
  const values = Object.values(names).filter((value) => value !== '');
  return values.reduce((text, value) => text.replaceAll(value, '…'), JSON.stringify(body));
}
