import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../functions/adapters/clock.ts';
import { openDatabase } from '../../functions/adapters/sqlite-database.ts';
import { sqliteDocuments } from '../../functions/adapters/sqlite-documents.ts';
import { SHARDS, TASKS } from '../../functions/core/store.ts';
import { topology } from '../../functions/topology.ts';
import { fill, measureGrowth } from '../../scripts/bench/growth.ts';
import { startHeliograph, startLoad } from '../../scripts/bench/measured-process.ts';
import { findProgram } from '../../scripts/bench/peers/native.ts';
import { peersInstalled } from '../../scripts/bench/peers/packages.ts';
import { GROUPS } from '../../scripts/bench/peers.ts';
import { temporaryFolder } from '../support/folder.ts';

const leftovers = () => readdirSync(tmpdir()).filter((name) => name.startsWith('heliograph-bench-'));
const there = (program: string): boolean => {
  try {
    return existsSync(findProgram(program));
  } catch {
    return false;
  }
};
/** The tests fetch nothing: a peer whose packages or server nobody has installed is skipped. */
const PRESENT: Readonly<Record<string, () => boolean>> = {
  embedded: () => true,
  emulators: () => process.env.HELIOGRAPH_TEST_EMULATORS === 'yes',
  restate: peersInstalled,
  bullmq: () => peersInstalled() && there('redis-server'),
  pgBoss: () => peersInstalled() && there('initdb') && there('postgres'),
};

describe('the contenders of the bench', () => {
  for (const [names, start] of GROUPS) {
    it(`${names.join(' and ')}: every task comes back with its own result, and nothing is left behind`, async function () {
      if (!PRESENT[names[0] as string]?.()) this.skip();
      const before = leftovers();
      const release = new AsyncDisposableStack();
      try {
        const contenders = await start(release);
        assert.deepEqual(Object.keys(contenders).sort(), [...names].sort());
        for (const contender of Object.values(contenders)) {
          await contender.empty?.();
          // The load generators compare each result with its payload.
          assert.equal((await contender.run({ clients: 4, tasks: 40 })).tasks, 40);
          const { tasks, perSecond, p50Ms } = await contender.run({ clients: 1, seconds: 0.5 });
          assert.ok(tasks > 0 && perSecond > 0 && p50Ms > 0);
        }
      } finally {
        await release.disposeAsync();
      }
      assert.deepEqual(
        leftovers().filter((name) => !before.includes(name)),
        [],
      );
    });
  }
});

describe('growth', () => {
  const folder = temporaryFolder();
  after(() => folder.remove());

  it('is measured on stores that hold what they are said to hold, found by every list', async () => {
    const data = join(folder.path, 'data');
    const server = await startHeliograph(data);
    const load = startLoad();
    await load.run({ url: server.url, clients: 4, tasks: 10 });
    await Promise.all([load.stop(), server.stop()]);
    await fill(join(data, 'heliograph.db'), 2_500);

    const database = openDatabase({ path: join(data, 'heliograph.db') });
    const documents = sqliteDocuments(database, topology, 'tasks', systemClock());
    let listed = 0;
    for (let shard = 0; shard < SHARDS; shard++) {
      const equal = { shard, tenant: 'default', status: 'succeeded' };
      listed += (await documents.query(TASKS, { equal, orderBy: { field: 'createdAt', direction: 'desc' }, limit: 5_000 }))
        .documents.length;
    }
    await documents.close();
    await database.close();
    assert.equal(listed, 2_510);
  });

  it('gives the ratio of each round', async () => {
    const { atFew, atMany, ratio } = await measureGrowth({ rounds: 2, seconds: 0.5, many: 3_000 });
    assert.equal(ratio.length, 2);
    for (const [round, one] of ratio.entries()) assert.equal(one, (atMany[round] ?? 0) / (atFew[round] ?? 0));
  });
});
