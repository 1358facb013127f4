import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { verifySlice } from '../../functions/backups/verify-slice.ts';
import type { Checking } from '../../functions/core/backup-records.ts';
import type { ProjectTrees } from '../../functions/core/ports.ts';
import type { Runtime } from '../../functions/core/runtime.ts';
import { projectGate } from '../../functions/core/waiting/gate-names.ts';
import { releaseResource, takeResource } from '../../functions/core/waiting/slots.ts';
import { audited, client, makeProject, projectRoot, type RolledBack, seen, spoil, write } from '../projects/kit.ts';
import { temporaryFolder, until } from '../support/folder.ts';
import type { Refusal, Reply } from '../support/stack.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';

describe('the function backups', function () {
  this.timeout(60_000);
  const root = projectRoot();
  const data = temporaryFolder();
  /** What a test puts before the trees of the function. */
  let trees: (inner: ProjectTrees) => ProjectTrees = (inner) => inner;
  let stack: EmbeddedTestStack;
  before(async () => {
    const change = (runtime: Runtime): Runtime => {
      if (runtime.name !== 'backups') return runtime;
      const inner = runtime.trees;
      const its: ProjectTrees = {
        resolve: (path) => trees(inner).resolve(path),
        open: (path) => trees(inner).open(path),
        replace: (...given) => trees(inner).replace(...given),
        recover: () => trees(inner).recover(),
      };
      return { ...runtime, trees: its };
    };
    const flags = { projectRoots: [root.path], dataDir: data.path, 'times.backupSliceMs': 60, 'times.backupWaitMs': 20_000 };
    stack = await embeddedStack(flags, change);
  });
  after(async () => {
    await stack.stop();
    root.remove();
    data.remove();
  });
  afterEach(() => {
    trees = (inner) => inner;
    stack.fate = () => 'out';
  });

  const { submit, backups, rollBack } = client(() => stack);
  const project = (name: string) => makeProject(join(root.path, name));
  const events = async (projectId: string) => (await audited(stack, projectId)).map(({ event }) => event);
  const signed = (message: object) => {
    const text = JSON.stringify(message);
    return stack.publish('backups', text, { signature: stack.signing.message(text) });
  };
  /** Opens after so long. */
  const slowly = (ms: number) => {
    trees = (inner) => ({
      ...inner,
      async open(path) {
        const tree = await inner.open(path);
        await new Promise((resolve) => setTimeout(resolve, ms));
        return tree;
      },
    });
  };

  it('goes on with what outlasts its slice, and says how far it is', async () => {
    const path = project('large');
    for (let n = 0; n < 300; n += 1) write(join(path, `many/${n}.txt`), `${n}\n`.repeat(1 + n));
    let opened = 0;
    trees = (inner) => ({
      ...inner,
      async open(at) {
        opened += 1;
        const tree = await inner.open(at);
        const read: typeof tree.read = async function* (file, options) {
          await new Promise((resolve) => setTimeout(resolve, 10));
          yield* tree.read(file, options);
        };
        return { ...tree, read };
      },
    });
    const { status, body } = await submit(path);
    assert.equal(status, 200);
    assert.ok(opened > 1, `in ${opened} slices`);
    const [backup] = await backups(body.project_id);
    assert.equal(backup?.status, 'verified');
    const { files } = { ...(backup?.progress as Record<string, unknown> | undefined) };
    assert.ok(Number(files) > 0);
    assert.deepEqual(await events(body.project_id), ['project_submitted', 'backup_created']);
  });

  it('does once what it is asked for many times', async () => {
    const path = project('duplicated');
    slowly(200);
    const submitted = submit(path);
    await until(async () => (await stack.get<{ projects: object[] }>('/projects')).body.projects.length > 0);
    const found = async () =>
      (
        await stack.documents.query('backups', {
          equal: { open: true },
          orderBy: { field: 'wakeAt', direction: 'asc' },
          limit: 10,
        })
      ).documents;
    await until(async () => (await found()).length > 0);
    const [open] = await found();
    await Promise.all(Array.from({ length: 8 }, () => signed({ kind: 'backup', backupId: open?.id })));
    const { status, body } = await submitted;
    assert.equal(status, 200);
    await signed({ kind: 'backup', backupId: body.backup_id });
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.deepEqual(await events(body.project_id), ['project_submitted', 'backup_created']);
    const [record] = (await backups(body.project_id)).filter(({ backup_id }) => backup_id === body.backup_id);
    assert.equal(record?.status, 'verified');
  });

  it('is asked again for what was lost on the way', async () => {
    let lost = 0;
    stack.fate = (topic, from) => (topic === 'backups' && from === 'projects' && ++lost === 1 ? 'lost' : 'out');
    const { status } = await submit(project('lost'));
    assert.deepEqual([status, lost], [200, 1]);
  });

  it('takes over from a worker that has died, once its lease is over', async () => {
    const { body } = await submit(project('orphaned'));
    const backupId = 'backup_20990101_000000_0123456789abcdef';
    const record = (await stack.documents.get('backups', body.backup_id))?.data ?? {};
    const { finishedAt, manifestHash, checked, ...rest } = record;
    const now = Date.now();
    const orphan = { ...rest, status: 'running', open: true, worker: 'dead', leasedAt: now, attempts: 1, wakeAt: now + 500 };
    await stack.documents.commit([{ kind: 'create', collection: 'backups', id: backupId, data: orphan }]);
    await until(async () => (await stack.documents.get('backups', backupId))?.data.status === 'verified', 20_000);
    assert.ok(Date.now() - now >= 1_900, 'not while the lease holds');
  });

  it('gives up what it fails at again and again, with the reason, and takes the next one', async () => {
    trees = (inner) => ({ ...inner, open: async () => Promise.reject(new Error('the test lets it fail')) });
    const path = project('failing');
    const failed = (await stack.post<Refusal>('/submit-project', { project_path: path })).body;
    assert.equal(failed.code, 'backup_undeliverable');
    trees = (inner) => inner;
    const { status, body } = await submit(path);
    assert.equal(status, 200);
    assert.deepEqual(
      (await backups(body.project_id)).map((one) => [one.status, one.error?.code]),
      [
        ['verified', undefined],
        ['failed', 'backup_undeliverable'],
      ],
    );
    assert.deepEqual(await events(body.project_id), ['project_submitted', 'backup_failed', 'project_submitted', 'backup_created']);
  });

  it('ends a rollback that it fails at again and again, and lets go of the project', async () => {
    const path = project('stuck');
    const { backup_id, project_id } = (await submit(path)).body;
    const before = seen(path);
    trees = (inner) => ({ ...inner, replace: async () => Promise.reject(new Error('the test lets it fail')) });
    const { status, body } = await stack.post<Refusal>(`/rollback/${backup_id}`, {});
    assert.deepEqual([status, body.code], [500, 'rollback_undeliverable']);
    assert.deepEqual(seen(path), before);
    trees = (inner) => inner;
    assert.equal((await rollBack(backup_id)).status, 200);
    assert.deepEqual((await events(project_id)).slice(2), ['rollback_failed', 'rolled_back']);
  });

  it('keeps what was not signed here in quarantine', async () => {
    await stack.publish('backups', JSON.stringify({ kind: 'rollback', rollbackId: 'none' }), { signature: 'forged' });
    await until(async () => (await stack.quarantined()).some(({ data: its }) => its.code === 'invalid_backup_message'));
  });

  /** Flips a bit in each blob that is stored. */
  function damage(): void {
    const folder = join(data.path, 'objects/backups/blobs');
    for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
      const path = join(folder, name);
      if (!/[0-9a-f]{64}/.test(name)) continue;
      const bytes = readFileSync(path);
      bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
      writeFileSync(path, bytes);
    }
  }

  it('finds a flipped bit before anything is touched; the next backup stands on nothing of it', async () => {
    const path = project('damaged');
    const { backup_id, project_id } = (await submit(path)).body;
    // Without a body, which may say more.
    const asked = await fetch(`${stack.url}/projects/${project_id}/backups`, { method: 'POST' });
    assert.equal(asked.status, 200);
    const other = ((await asked.json()) as { backup_id: string }).backup_id;
    damage();
    spoil(path);
    const spoilt = seen(path);
    const { status, body } = await stack.post<Refusal>(`/rollback/${backup_id}`, {});
    assert.deepEqual([status, body.code], [500, 'backup_corrupt']);
    assert.deepEqual(seen(path), spoilt);
    const checked = await stack.post<{ verified: boolean; corrupt: object[] }>(
      `/projects/${project_id}/backups/${other}/verify`,
      {},
    );
    assert.deepEqual([checked.status, checked.body.verified, checked.body.corrupt.length > 0], [200, false, true]);
    const again = await stack.post<Refusal>(`/rollback/${other}`, {});
    assert.deepEqual([again.status, again.body.code], [500, 'backup_corrupt']);
    const next = (await submit(path)).body;
    spoil(path);
    assert.equal((await rollBack(next.backup_id)).status, 200);
    assert.deepEqual(seen(path), spoilt);
    assert.deepEqual(
      (await events(project_id)).filter((event) => event.includes('failed')),
      ['rollback_failed', 'backup_failed'],
    );
  });

  it('lets one of two rollbacks at once win, and lets go of the project after', async () => {
    const path = project('contested');
    const before = seen(path);
    const { backup_id } = (await submit(path)).body;
    spoil(path);
    slowly(700);
    const replies: Reply<RolledBack>[] = await Promise.all([rollBack(backup_id), rollBack(backup_id)]);
    assert.deepEqual(replies.map(({ status }) => status).sort(), [200, 409]);
    const lost = replies.find(({ status }) => status === 409)?.body as unknown as Refusal;
    assert.equal(lost.code, 'project_busy');
    assert.deepEqual(seen(path), before);
    assert.equal((await rollBack(backup_id)).status, 200);
  });

  it('does no more what has ended, however often it is asked for again: a refused rollback stays refused', async () => {
    const path = project('refused');
    const { backup_id, project_id } = (await submit(path)).body;
    const gate = projectGate(project_id);
    assert.equal(await takeResource(stack.runtime('backups'), 'default', gate, 'somebody else'), true);
    const refused = await stack.post<Refusal>(`/rollback/${backup_id}`, {});
    assert.deepEqual([refused.status, refused.body.code], [409, 'project_busy']);
    await releaseResource(stack.runtime('backups'), 'default', gate, 'somebody else');
    spoil(path);
    const [spoilt, before] = [seen(path), await events(project_id)];
    const { documents: found } = await stack.documents.query('rollbacks', {
      equal: { tenant: 'default', projectId: project_id },
      orderBy: { field: 'createdAt', direction: 'desc' },
      limit: 1,
    });
    await signed({ kind: 'rollback', rollbackId: found[0]?.id });
    await signed({ kind: 'backup', backupId: backup_id });
    // What is asked for later has been done by then.
    await until(async () => (await submit(path)).status === 200);
    const [rollback] = await Promise.all(found.map(({ id }) => stack.documents.get('rollbacks', id)));
    assert.deepEqual([rollback?.data.status, rollback?.version], ['failed', found[0]?.version]);
    assert.deepEqual(seen(path), spoilt);
    assert.deepEqual((await events(project_id)).slice(0, before.length), before);
  });

  it('takes no backup for whole that was begun before a rollback and ended after it', async () => {
    const path = project('mixed');
    const { backup_id, project_id } = (await submit(path)).body;
    const held = Promise.withResolvers<void>();
    trees = (inner) => ({
      ...inner,
      async open(at) {
        const tree = await inner.open(at);
        trees = (others) => others;
        await held.promise;
        return tree;
      },
    });
    const taking = stack.post<Refusal>(`/projects/${project_id}/backups`, {});
    await until(async () => (await backups(project_id, '?status=running')).length === 1);
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal((await rollBack(backup_id)).status, 200);
    held.resolve();
    const { status, body } = await taking;
    assert.deepEqual([status, body.code], [409, 'project_changed']);
  });

  it('checks a large backup in slices, and finds the flipped bit in any of them', async () => {
    const path = project('sliced');
    for (const name of ['a', 'b']) writeFileSync(join(path, `${name}.bin`), Buffer.alloc(34_000_000, name));
    const { backup_id: backupId, project_id: projectId } = (await submit(path)).body;
    await until(async () => (await backups(projectId, '?status=verified')).length === 1, 40_000);
    const runtime = stack.runtime('backups');
    const inSlices = async () => {
      let at: Checking = { files: 0, bytes: 0, corrupt: [] };
      let slices = 0;
      do {
        at = await verifySlice(runtime, { projectId, backupId, until: 0 }, at);
        slices += 1;
      } while (at.from !== undefined);
      return { ...at, slices };
    };
    const { files, bytes, corrupt, slices } = await inSlices();
    assert.deepEqual([files, bytes > 68_000_000, corrupt, slices], [7, true, [], 3]);
    damage();
    assert.deepEqual(
      (await inSlices()).corrupt.map(({ path: name }) => name).sort(),
      ['a.bin', 'app.py', 'b.bin', 'lib/a.py', 'run.sh', 'größe/日本.txt'].sort(),
    );
  });

  it('makes the rollback whose message never came', async () => {
    const path = project('unasked');
    const { backup_id } = (await submit(path)).body;
    const id = 'f'.repeat(32);
    const made = await stack.documents.get('backups', backup_id);
    const { tenant, projectId, projectPath } = { ...made?.data } as Record<string, unknown>;
    const now = Date.now();
    const rollback = { tenant, projectId, projectPath, backupId: backup_id, by: 'test', status: 'running', open: true };
    await stack.documents.commit([
      { kind: 'create', collection: 'rollbacks', id, data: { ...rollback, createdAt: now, wakeAt: now } },
    ]);
    const running = await stack.get<{ status: string }>(`/rollbacks/${id}`);
    assert.ok(['running', 'succeeded'].includes(running.body.status));
    await until(async () => (await stack.get<{ status: string }>(`/rollbacks/${id}`)).body.status === 'succeeded');
  });
});
