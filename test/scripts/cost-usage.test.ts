import assert from 'node:assert/strict';
import { topology } from '../../functions/topology.ts';
import { billOf } from '../../scripts/cost/bill.ts';
import { readOptions } from '../../scripts/cost/options.ts';
import type { PriceName } from '../../scripts/cost/prices.ts';
import { sizesOf } from '../../scripts/cost/sizes.ts';
import { usageOf, wayOf } from '../../scripts/cost/usage.ts';

const loadOf = (...flags: string[]) => readOptions(flags, topology).load;
/** How much of one thing a month of these flags uses. */
const used = (price: PriceName, ...flags: string[]): number =>
  usageOf(topology, loadOf(...flags)).reduce((sum, use) => sum + (use.price === price ? use.quantity : 0), 0);
const close = (seen: number, expected: number, within: number) =>
  assert.ok(Math.abs(seen - expected) <= within, `${seen} instead of ${expected}`);

const GIB = 2 ** 30;
const SWEEPS = 43_800 + 730;
/** A start in nearly every quarter of an hour in which there is one request. */
const START = 0.99983;

describe('what a month uses, by hand', () => {
  it('stores a task for its 30 days and one, twice for recovery, and once more for each day that backups are kept', () => {
    const load = loadOf();
    const { document, indexes } = sizesOf(wayOf(load), load.payloadBytes, load.resultBytes, topology);
    close(used('documents'), (1e6 * (document + indexes) * 31) / (730 / 24) / GIB, 1e-9);
    assert.equal(used('recovery'), used('documents'));
    close(used('backups', '--backup-days=3'), 3 * used('documents'), 1e-9);
  });

  it('writes a line of log for each request, three for each run of the schedule, and one more at the balancer', () => {
    close(used('logs', '--tasks=0'), (SWEEPS * 3 * 1_200) / GIB, 1e-9);
    close(used('logs', '--reads=0') - used('logs', '--tasks=0'), (3e6 * 1_200) / GIB, 1e-9);
    close(used('logs', '--balancer') - used('logs'), (2e6 * 1_200) / GIB, 1e-9);
    assert.equal(used('armorRequests', '--balancer'), 2e6);
  });

  it('reads the secrets of an instance that starts, and for callbacks again after five minutes', () => {
    // Of dispatch two, of agent-light and results one each.
    close(used('secretReads', '--tasks=1', '--reads=0'), 4 * START, 1e-4);
    const called = (tasks: string) => used('secretReads', tasks, '--callback') - used('secretReads', tasks);
    close(called('--tasks=1'), 2 * START + 1, 0.01);
    // One a second: each reading is used for 300 seconds, and one more until somebody comes; both secrets at each start.
    close(called('--tasks=2628000'), 2_628_000 / 301 + 2 * 2_920, 1);
  });

  it('sends answers to the internet, each with its headers, and a callback with all of the task', () => {
    const [payload, result, headers] = [4_096, 4_096, 500];
    const perTask = (...flags: string[]) => (used('egress', ...flags) * GIB) / 1e6;
    const read = perTask('--reads=2') - perTask('--reads=1');
    assert.ok(read > payload + result + headers && read < payload + result + headers + 2_000, `${read}`);
    close(perTask('--waits=1') - perTask(), read, 1e-6);
    assert.ok(perTask('--callback') - perTask() > payload + result + headers);
    const through = (...flags: string[]) => (used('balancerData', '--balancer', ...flags) * GIB) / 1e6 - perTask(...flags);
    close(through(), payload, 1e-6);
    // Its agent brings the result in by the same door.
    close(through('--agents=codex'), payload + result, 1e-6);
    assert.equal(used('balancerData'), 0);
  });

  it('works for a second and what each request takes, and starts; the agent of another is asked and answered', () => {
    const seconds = (...flags: string[]) => used('cpu', '--tasks=1', '--reads=0', ...flags) - SWEEPS * 0.3;
    close(seconds(), 0.1 + 1.1 + 0.1 + 3 * START, 0.01);
    close(seconds('--mode=http'), 1.2 + 1.1 + 2 * START, 0.01);
    // Three requests to dispatch; the agent takes one more on each side of its run.
    close(seconds('--agents=codex'), 0.3 + 1.2 + 4 * START, 0.01);
    // In mode http nobody is waited for longer than half a minute.
    close(seconds('--mode=http', '--run-ms=35000'), 30.1 + 35.1 + 2 * START, 0.01);
    close(seconds('--waits=1') - seconds(), 1.3 + START, 0.01);
    close(seconds('--callback') - seconds(), 0.3 + START, 0.01);
  });

  it('renews a lease of a minute every 40 seconds', () => {
    for (const [ms, renewals] of [
      [40_000, 0],
      [40_001, 1],
      [120_000, 2],
    ] as const)
      assert.equal(used('writes', `--run-ms=${ms}`), (3 + renewals) * 1e6 + 2 * 730, String(ms));
  });

  it('leaves out the agent’s own function where the orchestration is compared', () => {
    const { total, withoutAgent } = billOf(topology, loadOf('--tasks=1', '--reads=0'));
    const gib = (topology.functions['agent-light']?.memoryMiB ?? 0) / 1024;
    const agent = 0.4 / 1e6 + (1.1 + START) * (0.000024 + gib * 0.0000025) + START * (0.03 / 1e4);
    close(total.list - withoutAgent.list, agent, 1e-8);
  });
});
