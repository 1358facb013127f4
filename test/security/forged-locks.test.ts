import assert from 'node:assert/strict';
import { lockName, planName } from '../../functions/adapters/bucket-recovery.ts';
import { runOutLocks } from '../projects/bucket-faults.ts';
import { bucketKit } from '../projects/bucket-kit.ts';

/** Somebody may put objects into a bucket that holds projects, and may not remove any: `backups` may, and reads what lies there. */
describe('what somebody puts where rollbacks in buckets keep their own', function () {
  this.timeout(30_000);
  let at: Awaited<ReturnType<typeof bucketKit>>;
  beforeEach(async () => {
    at = await bucketKit({ leaseMs: 60_000 });
    for (const name of ['team/project/a', 'team/other/b', 'plans/c']) await at.bucket.file(name).save(name, { resumable: false });
  });
  afterEach(() => at.close());

  const names = async () => {
    const [files] = await at.bucket.getFiles();
    return files.map(({ name }) => name).filter((name) => !name.startsWith('.heliograph-restore/'));
  };
  const put = async (name: string, content: string, metadata?: Record<string, string>) =>
    at.bucket.file(name).save(content, { resumable: false, metadata: { metadata } });
  const untouched = async () => {
    await runOutLocks(at.site, at.bucket.name);
    const found = await at.parts.trees.recover();
    assert.deepEqual(await names(), ['plans/c', 'team/other/b', 'team/project/a']);
    return found;
  };

  const place = (path: string) => lockName(path).replace(/lock$/, '');
  const forged: [what: string, state: (path: string) => Record<string, string> | undefined][] = [
    ['work that is everything', (project) => ({ project, work: '', phase: 'building' })],
    ['work of another project', (project) => ({ project, work: 'team/other/', phase: 'building' })],
    ['work that leads out of its own', (project) => ({ project, work: `${place(project)}../../team/`, phase: 'building' })],
    ['no work', (project) => ({ project, phase: 'building' })],
    ['nothing of what a lock says', () => ({ hello: 'world' })],
    ['no metadata', () => undefined],
    ['another phase', (project) => ({ project, work: `${place(project)}${'0'.repeat(16)}/`, phase: 'done' })],
    ['another project', () => ({ project: 'gs://acme/x', work: `${place('gs://acme/x')}${'0'.repeat(16)}/`, phase: 'building' })],
  ];
  for (const [what, state] of forged) {
    it(`is believed no lock with ${what}`, async () => {
      await put(lockName(at.path), '', state(at.path));
      const [one] = await untouched();
      assert.equal((one?.problem as { code?: string } | undefined)?.code, 'lock_invalid');
      await assert.rejects(at.tree(), { code: 'lock_invalid', status: 409 });
      assert.deepEqual(await names(), ['plans/c', 'team/other/b', 'team/project/a']);
    });
  }

  it('is believed no lock of a project outside of the roots, nor of another bucket', async () => {
    for (const project of ['gs://elsewhere/team/other', 'gs://elsewhere', `${at.path}/../other`]) {
      const work = `${place(project)}${'0'.repeat(16)}/`;
      await put(lockName(project), '', { project, work, phase: 'applying' });
      await put(planName(work), JSON.stringify([{ kind: 'delete', name: 'team/other/b', before: '1' }]));
    }
    const found = await untouched();
    assert.deepEqual(
      found.map(({ problem }) => (problem as { code?: string } | undefined)?.code),
      Array(3).fill('lock_invalid'),
    );
  });

  it('is no plan that goes beyond its project', async () => {
    const work = `${place(at.path)}${'0'.repeat(16)}/`;
    const [{ generation = 0 }] = await at.bucket.file('team/other/b').getMetadata();
    const before = String(generation);
    const staged = { name: 'team/other/b', generation: before };
    const plans: unknown[] = [
      [{ kind: 'delete', name: 'team/other/b', before }],
      [{ kind: 'mode', name: 'plans/c', before, metageneration: '1', mode: 0 }],
      [{ kind: 'copy', name: 'team/project/stolen', before: '0', staged }],
      [{ kind: 'copy', name: `${work}x`, before: '0', staged: { name: `${work}y`, generation: before } }],
      [{ kind: 'wipe', name: 'team/project/a', before }],
      { kind: 'delete' },
    ];
    for (const plan of plans) {
      await put(lockName(at.path), '', { project: at.path, work, phase: 'applying' });
      await put(planName(work), JSON.stringify(plan));
      const [one] = await untouched();
      assert.equal((one?.problem as { code?: string } | undefined)?.code, 'plan_invalid', JSON.stringify(plan));
    }
  });
});
