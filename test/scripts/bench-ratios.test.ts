import assert from 'node:assert/strict';
import { underLoad } from '../../scripts/bench/load-loop.ts';
import { growthRow, peerRows } from '../../scripts/bench/peer-rows.ts';
import { measurePeers, type PeerFigures, type Turn } from '../../scripts/bench/peers.ts';
import { interleaved, ratios, spread } from '../../scripts/bench/rounds.ts';

const turn = (perSecond: number, p50Ms: number): Turn => ({
  many: { tasks: 1, seconds: 1, perSecond, p50Ms: 1, p99Ms: 1 },
  one: { tasks: 1, seconds: 1, perSecond: 1, p50Ms, p99Ms: 1 },
});
const figures = (turns: Record<string, Turn[]>, absent: Record<string, string> = {}): PeerFigures => ({
  rounds: 3,
  seconds: 1,
  turns,
  absent,
});
const rowOf = (of: PeerFigures, start: string) => peerRows(of).find(({ what }) => what.startsWith(start));

describe('the arithmetic of the bench', () => {
  it('divides within each round, before it takes the median', () => {
    // A noisy machine slows both alike: the ratio of the medians would be 2 or more.
    const [ours, theirs] = [
      [100, 1_000, 400],
      [50, 500, 100],
    ];
    assert.deepEqual(ratios(ours ?? [], theirs ?? []), [2, 2, 4]);
    assert.deepEqual(spread(ratios(ours ?? [], theirs ?? [])), { median: 2, minimum: 2, maximum: 4 });
  });

  it('refuses figures of other rounds', () => assert.throws(() => ratios([1, 2], [1]), RangeError));

  it('takes the middle of two for an even number of rounds', () => assert.equal(spread([4, 1, 3, 2]).median, 2.5));

  it('lets everybody run once per round, another one first each time, and keeps the order of the rounds', async () => {
    const order: string[] = [];
    const count = (name: string) => {
      let runs = 0;
      return async () => {
        order.push(name);
        return ++runs;
      };
    };
    assert.deepEqual(await interleaved(3, { a: count('a'), b: count('b') }), { a: [1, 2, 3], b: [1, 2, 3] });
    assert.deepEqual(order, ['a', 'b', 'b', 'a', 'a', 'b']);
  });

  const verdicts: [string, number, number, string, string][] = [
    ['three times the rate', 3_000, 1, 'Heliograph, embedded / Restate, 32', 'yes'],
    ['twice the rate', 2_000, 1, 'Heliograph, embedded / Restate, 32', 'least'],
    ['less than twice', 1_999, 1, 'Heliograph, embedded / Restate, 32', 'NO'],
    ['0.4 of the time', 1, 4, 'Heliograph, embedded / Restate, one', 'yes'],
    ['0.7 of the time', 1, 7, 'Heliograph, embedded / Restate, one', 'least'],
    ['more than 0.7', 1, 7.1, 'Heliograph, embedded / Restate, one', 'NO'],
    ['1.3 times the rate', 1_300, 1, 'Heliograph, embedded / BullMQ on Redis, fsync always, 32', 'yes'],
    ['the same rate', 1_000, 1, 'Heliograph, embedded / BullMQ on Redis, fsync always, 32', 'least'],
    ['less', 999, 1, 'Heliograph, embedded / BullMQ on Redis, fsync always, 32', 'NO'],
  ];
  for (const [name, rate, p50, row, met] of verdicts) {
    it(`says of ${name}: ${met} (${row.split(' / ')[1]})`, () => {
      const peer = [turn(1_000, 10)];
      assert.equal(rowOf(figures({ embedded: [turn(rate, p50)], restate: peer, bullmq: peer }), row)?.met, met);
    });
  }

  it('names who was not there and why, and compares with nobody then', () => {
    const rows = peerRows(figures({ embedded: [turn(1, 1)] }, { bullmq: 'redis-server is not on this machine' }));
    const named = rows.find(({ what }) => what.startsWith('BullMQ'));
    assert.deepEqual([named?.seen, named?.met], ['not measured: redis-server is not on this machine', 'NO']);
    assert.ok(rows.every(({ what }) => !what.includes(' / ')));
  });

  it('goes on without a peer whose server is not on the machine, and says so', async () => {
    const { PATH } = process.env;
    process.env.PATH = '';
    try {
      const { turns, absent } = await measurePeers({ rounds: 1, seconds: 0.1, only: ['bullmq'] });
      assert.deepEqual([turns, absent], [{}, { bullmq: 'redis-server is not on this machine' }]);
    } finally {
      process.env.PATH = PATH;
    }
  });

  it('finds a store that slows down as it grows', () => {
    const grown = (ratio: number[]) => growthRow({ few: 1_000, many: 1_000_000, atFew: [], atMany: [], ratio });
    assert.equal(grown([0.5, 0.9, 1]).met, 'yes');
    assert.equal(grown([0.5, 0.89, 1]).met, 'NO');
    assert.match(grown([1]).what, /1,000,000 tasks stored \/ with 1,000/);
  });
});

describe('a load', () => {
  it('of so many tasks runs each once, with as many under way as there are clients', async () => {
    const numbers: number[] = [];
    let [running, most] = [0, 0];
    const result = await underLoad({ clients: 4, tasks: 20 }, async (number) => {
      most = Math.max(most, ++running);
      numbers.push(number);
      await new Promise((resolve) => setTimeout(resolve, 2));
      running -= 1;
    });
    assert.deepEqual([result.tasks, new Set(numbers).size, most], [20, 20, 4]);
    assert.equal(result.perSecond, result.tasks / result.seconds);
  });

  it('of so many seconds counts what it waited for at the end, and the time of that', async () => {
    const result = await underLoad({ clients: 2, seconds: 0.05 }, () => new Promise((resolve) => setTimeout(resolve, 200)));
    assert.equal(result.tasks, 2);
    assert.ok(result.seconds >= 0.195 && result.p50Ms >= 195, `${result.seconds}`);
  });

  it('fails as soon as a task does', () =>
    assert.rejects(
      underLoad({ clients: 2, tasks: 10 }, () => Promise.reject(new Error('no'))),
      /^Error: no$/,
    ));

  it('needs an end', () =>
    assert.rejects(
      underLoad({ clients: 1 }, async () => {}),
      RangeError,
    ));
});
