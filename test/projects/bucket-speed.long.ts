import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { crew } from '../../functions/core/backups/ahead.ts';
import { type BucketKit, bucketKit } from './bucket-kit.ts';

const OBJECTS = 2_000;
const BYTES = 4_096;

describe('a project of 2,000 objects', () => {
  let at: BucketKit;
  before(async () => {
    at = await bucketKit({ leaseMs: 60_000 });
  });
  after(() => at.close());

  it('is backed up, backed up again and rolled back', async function () {
    this.timeout(1_200_000);
    const write = async (from: number, to: number) => {
      const writes = crew(16);
      for (let index = from; index < to; index += 1) {
        await writes.add(() => at.put(`folder-${index % 100}/file-${index}`, randomBytes(BYTES)));
      }
      await writes.end();
    };
    /** How long it took, and how much of a processor; server and client are one process here. */
    const timed = async <T>(work: () => Promise<T>): Promise<[T, string]> => {
      const started = performance.now();
      const before = process.cpuUsage();
      const done = await work();
      const { user, system } = process.cpuUsage(before);
      return [done, `${Math.round(performance.now() - started)} ms, ${Math.round((user + system) / 1000)} ms of a processor`];
    };
    const [, writing] = await timed(() => write(0, OBJECTS));
    const [backupId, first] = await timed(() => at.backup());
    const before = await at.seen();
    await write(0, OBJECTS / 100);
    const [, second] = await timed(() => at.backup());
    await write(0, OBJECTS / 10);
    const [, some] = await timed(() => at.back(backupId));
    assert.deepEqual(await at.seen(), before);
    await write(0, OBJECTS);
    const [, all] = await timed(() => at.back(backupId));
    assert.deepEqual(await at.seen(), before);
    const shown = { writing, 'first backup': first, 'backup after 1 %': second, 'rollback of 10 %': some, 'rollback of all': all };
    console.log(shown);
  });
});
