import assert from 'node:assert/strict';
import type { Refusal } from '../support/stack.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';

interface Costs {
  readonly from: string;
  readonly to: string;
  readonly costs: readonly Record<string, unknown>[];
  readonly tasks: number;
  readonly totalCents: number;
}

describe('the cost ledger', function () {
  this.timeout(20_000);
  let stack: EmbeddedTestStack;
  before(async () => {
    stack = await embeddedStack();
    await stack.run({ traceId: 'one' });
    await stack.run({ traceId: 'one', agent: 'codex', payload: { fail: 'retry' }, maxAttempts: 2 });
    await stack.run({ traceId: 'two' });
    await stack.dispatch({ traceId: 'two', notBefore: Date.now() / 1000 + 600 });
  });
  after(() => stack.stop());

  const costs = async (query: string) => (await stack.get<Costs>(`/costs?${query}`)).body;
  const today = () => new Date().toISOString().slice(0, 10);

  it('adds up by agent, dearest first', async () => {
    assert.deepEqual(await costs(''), {
      from: today(),
      to: today(),
      groupBy: 'agent',
      costs: [
        { agent: 'light', tasks: 3, open: 1, attempts: 2, costCents: 10 },
        { agent: 'codex', tasks: 1, open: 0, attempts: 2, costCents: 10 },
      ],
      tasks: 4,
      totalCents: 20,
    });
  });

  it('adds up by trace, tenant and day, and for one agent or trace', async () => {
    assert.deepEqual((await costs('groupBy=trace')).costs, [
      { traceId: 'one', tasks: 2, open: 0, attempts: 3, costCents: 15 },
      { traceId: 'two', tasks: 2, open: 1, attempts: 1, costCents: 5 },
    ]);
    assert.deepEqual((await costs('groupBy=tenant')).costs, [{ tenant: 'default', tasks: 4, open: 1, attempts: 4, costCents: 20 }]);
    assert.deepEqual((await costs('groupBy=day')).costs, [{ day: today(), tasks: 4, open: 1, attempts: 4, costCents: 20 }]);
    assert.equal((await costs('traceId=two')).totalCents, 5);
    assert.equal((await costs('agent=codex&traceId=one')).totalCents, 10);
  });

  it('knows no other days, and refuses what is no span of days', async () => {
    assert.deepEqual((await costs('from=2020-01-01&to=2020-01-31')).tasks, 0);
    const weekAgo = new Date(Date.now() - 7 * 86_400_000).toISOString().slice(0, 10);
    assert.equal((await costs(`from=${weekAgo}`)).tasks, 4);
    for (const query of [
      'from=2020-01-01',
      'from=2020-13-01',
      'from=2020-02-02&to=2020-02-01',
      'groupBy=colour',
      'x=1',
      'cursor=x',
    ]) {
      const { status, body } = await stack.get<Refusal>(`/costs?${query}`);
      assert.deepEqual([status, body.code], [422, 'invalid_fields'], query);
    }
  });
});
