import assert from 'node:assert/strict';
import { claimAsCodex } from '../support/stack-push.ts';
import { type FaultyEmbedded, faultyEmbedded } from './faulty-embedded.ts';

describe('clocks that differ by a minute', function () {
  this.timeout(30_000);
  let stack: FaultyEmbedded;
  before(async () => {
    stack = await faultyEmbedded();
  });
  after(async () => {
    await stack?.stop();
    stack?.remove();
  });
  afterEach(() => stack.faults.heal());

  it('a task that the sweeper takes back runs again at once', async () => {
    for (const name of Object.keys(stack.faults.functions)) stack.faults.skewMs[name] = name === 'sweeper' ? 30_000 : -30_000;
    // So that the attempt by hand comes before the agent's own.
    Object.assign(stack.faults.deliveries, { late: { share: 1, ms: 1_000 } });
    const { body } = await stack.dispatch({ agent: 'codex', mode: 'pubsub', ttlSeconds: 600 });
    assert.equal((await claimAsCodex(stack, body.id)).body.kind, 'claimed');
    Object.assign(stack.faults.deliveries, { late: { share: 0, ms: 0 } });
    const ended = await stack.ended(body.id, 12_000);
    assert.deepEqual([ended.status, ended.attempts, ended.costCents], ['succeeded', 2, 10]);
    assert.deepEqual(
      ended.timeline.map(({ event }) => event),
      ['queued', 'running', 'retry', 'running', 'succeeded'],
    );
  });
});
