import assert from 'node:assert/strict';
import { systemClock } from '../../functions/adapters/clock.ts';
import { defineAgent, type Handler } from '../../functions/core/agent/define-agent.ts';
import type { Attempt, TaskProtocol } from '../../functions/core/agent/protocol.ts';
import { runAttempt } from '../../functions/core/agent/run-attempt.ts';
import { RetryableError, TerminalError } from '../../functions/core/errors.ts';
import type { Outcome } from '../../functions/core/run-message.ts';
import { httpListener, type Listener } from '../support/http-listener.ts';
import { quickSettings, silent } from '../support/stack.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';
import { claimAsCodex } from '../support/stack-push.ts';

async function outcomeOf(only: Handler): Promise<Outcome> {
  const runtime = { clock: systemClock(), log: silent, settings: quickSettings({ runtime: 'embedded' }) };
  const agent = defineAgent({ name: 'a', priceCents: 1, handlers: { only } });
  const attempt = { payload: {}, ttl: Date.now() / 1000 + 5, leaseMs: 10_000 } as unknown as Attempt;
  const protocol = { watchStop: () => () => {} } as Partial<TaskProtocol> as TaskProtocol;
  const ran = await runAttempt(runtime, agent, protocol, attempt, 5_000);
  assert.equal(ran.kind, 'outcome');
  return (ran as { outcome: Outcome }).outcome;
}

describe('what a handler reports', () => {
  const costs: [number, number | undefined][] = [
    [0, 0],
    [0.5, 5_000],
    [1e9, 1e13],
    [-1, undefined],
    [Number.NaN, undefined],
    [Number.POSITIVE_INFINITY, undefined],
    [Number.NEGATIVE_INFINITY, undefined],
    [1e300, undefined],
    ['2' as unknown as number, 20_000],
  ];
  for (const [cents, micros] of costs) {
    it(`a cost of ${cents} cents is ${micros === undefined ? 'no report' : `${micros} micro-dollars`}`, async () => {
      const { costMicros } = await outcomeOf((_, { reportCost }) => reportCost(cents));
      assert.equal(costMicros, micros);
    });
  }

  it('an error is cut to what dispatch takes, terminal or not', async () => {
    const long = 'x'.repeat(50_000);
    for (const error of [new TerminalError(long, long), new RetryableError(long, long), new Error(long)]) {
      const { error: shown } = await outcomeOf(() => Promise.reject(error));
      assert.ok(shown !== undefined && shown.code.length <= 100 && shown.message.length === 2_000);
    }
  });

  const pauses: [number, number | undefined][] = [
    [0, 0],
    [5, 5],
    [1e12, 86_400_000],
    [Number.POSITIVE_INFINITY, 86_400_000],
    [-1, undefined],
    [Number.NaN, undefined],
  ];
  for (const [asked, kept] of pauses) {
    it(`a pause of ${asked} ms is ${kept === undefined ? 'the usual one' : `${kept} ms`}`, async () => {
      const { retryAfterMs } = await outcomeOf(() => Promise.reject(new RetryableError('busy', 'm', asked)));
      assert.equal(retryAfterMs, kept);
    });
  }
});

describe('an outcome that an agent reports without a reason, or with one too many', () => {
  let stack: EmbeddedTestStack;
  before(async () => {
    stack = await embeddedStack();
    stack.fate = (topic) => (topic === 'tasks' ? 'lost' : 'out');
  });
  after(() => stack.stop());

  const error = { code: 'odd', message: 'Odd.' };
  const rows: [object, string, string | undefined][] = [
    [{ status: 'failed' }, 'failed', 'failed'],
    [{ status: 'expired' }, 'expired', 'ttl_expired'],
    [{ status: 'cancelled' }, 'cancelled', 'cancelled'],
    [{ status: 'failed', error }, 'failed', 'odd'],
    [{ status: 'succeeded', result: 1, error }, 'succeeded', undefined],
  ];
  for (const [outcome, status, code] of rows) {
    it(`${JSON.stringify(outcome)} ends the task as ${status} with ${code ?? 'no error'}`, async () => {
      for (const report of ['task-update', 'results'] as const) {
        const { body } = await stack.dispatch({ agent: 'codex', mode: 'pubsub' });
        const { epoch, outcomeToken } = (await claimAsCodex(stack, body.id)).body.attempt;
        if (report === 'results') await stack.publish('results', { taskId: body.id, epoch, outcomeToken, outcome });
        else assert.equal((await stack.post(`/task-update/${body.id}`, { epoch, outcomeToken, outcome })).status, 200);
        const view = await stack.ended(body.id);
        assert.deepEqual([view.status, view.error?.code, 'result' in view], [status, code, status === 'succeeded']);
        assert.equal(view.timeline.at(-1)?.code, code);
      }
    });
  }
});

describe('the cost that an agent of the operator reports', () => {
  let stack: EmbeddedTestStack;
  let agent: Listener;
  before(async () => {
    agent = await httpListener();
    stack = await embeddedStack({ agents: [{ name: 'remote', endpoint: agent.url, priceCents: 3 }] });
  });
  after(async () => {
    await stack.stop();
    await agent.close();
  });

  for (const [cost, charged] of [
    ['1', 1],
    ['1e999', 3],
    ['1e300', 3],
    ['-5', 3],
    ['"0"', 3],
    ['null', 3],
  ] as const) {
    it(`${cost} is charged as ${charged} cents, in both modes`, async () => {
      agent.answer = () => ({ status: 200, body: `{"status":"succeeded","result":1,"costCents":${cost}}` });
      for (const mode of ['http', 'pubsub']) {
        const { body } = await stack.dispatch({ agent: 'remote', mode });
        assert.equal((await stack.ended(body.id)).costCents, charged);
      }
    });
  }
});
