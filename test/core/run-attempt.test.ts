import assert from 'node:assert/strict';
import { systemClock } from '../../functions/adapters/clock.ts';
import { ACCEPTED, type Context, defineAgent, type Handler } from '../../functions/core/agent/define-agent.ts';
import type { Attempt, TaskProtocol } from '../../functions/core/agent/protocol.ts';
import { runAttempt } from '../../functions/core/agent/run-attempt.ts';
import { RetryableError, TerminalError } from '../../functions/core/errors.ts';
import { readSettings } from '../../functions/core/settings.ts';
import { silent } from '../support/stack.ts';

const clock = systemClock();
const settings = readSettings({});

interface Run {
  readonly ttlMs?: number;
  readonly leaseMs?: number;
  readonly limitMs?: number;
  readonly stopMs?: number;
  readonly renewals?: ('held' | 'lost' | 'cancel' | 'fails')[];
}

const STOP = { code: 'agent_disabled', message: 'Agent a is switched off.' };

/** Runs a handler once; the signal and the number of renewals come back too. */
async function run(handler: Handler, { ttlMs = 5_000, leaseMs = 10_000, limitMs = 5_000, renewals = [], stopMs }: Run = {}) {
  let context: Context | undefined;
  let renewed = 0;
  const protocol = {
    async renew() {
      const answer = renewals[renewed++] ?? 'held';
      if (answer === 'fails') throw new Error('the test lets it fail');
      return answer;
    },
    watchStop: (_attempt, onStop) => (stopMs === undefined ? () => {} : clock.after(stopMs, () => onStop(STOP))),
  } as Partial<TaskProtocol> as TaskProtocol;
  const agent = defineAgent({
    name: 'a',
    priceCents: 1,
    handlers: {
      only: (payload, given) => {
        context = given;
        return handler(payload, given);
      },
    },
  });
  const attempt = {
    taskId: 't',
    agent: 'a',
    payload: {},
    ttl: (Date.now() + ttlMs) / 1000,
    epoch: 1,
    attempt: 1,
    leaseMs,
  } as Attempt;
  const started = Date.now();
  const ran = await runAttempt({ clock, settings, log: silent }, agent, protocol, attempt, limitMs);
  const outcome = ran.kind === 'outcome' ? ran.outcome : undefined;
  return { kind: ran.kind, outcome, signal: context?.signal, renewed: () => renewed, ms: Date.now() - started };
}

const until = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(new Error('stopped')), { once: true }));
const forever: Handler = () => new Promise(() => {});

describe('one run of a handler', () => {
  const rows: [string, Handler, string, string | undefined][] = [
    ['a result', () => ({ a: 1 }), 'succeeded', undefined],
    ['nothing', () => undefined, 'succeeded', undefined],
    [
      'a terminal error',
      () => {
        throw new TerminalError('no', 'm');
      },
      'failed',
      'no',
    ],
    [
      'a retryable error',
      () => {
        throw new RetryableError('busy', 'm', 5);
      },
      'retry',
      'busy',
    ],
    [
      'any other error',
      () => {
        throw new Error('oops');
      },
      'retry',
      'handler_failed',
    ],
    [
      'a thrown text',
      () => {
        throw 'oops';
      },
      'retry',
      'handler_failed',
    ],
    ['a rejection', () => Promise.reject(new TerminalError('later', 'm')), 'failed', 'later'],
    ['a result that JSON cannot carry', () => ({ n: 1n }), 'failed', 'result_not_json'],
    [
      'a result that contains itself',
      () => {
        const a: { a?: unknown } = {};
        a.a = a;
        return a;
      },
      'failed',
      'result_not_json',
    ],
  ];
  for (const [name, handler, status, code] of rows) {
    it(`makes of ${name}: ${status}`, async () => {
      const { outcome } = await run(handler);
      assert.deepEqual([outcome?.status, outcome?.error?.code], [status, code]);
    });
  }

  it('takes of a result what JSON makes of it', async () => {
    assert.deepEqual((await run(() => ({ at: new Date(0), none: undefined }))).outcome?.result, { at: '1970-01-01T00:00:00.000Z' });
    assert.equal((await run(() => undefined)).outcome?.result, null);
  });

  it('is stopped at the ttl, heeding the signal or not, and has ended by then', async () => {
    for (const handler of [forever, ((_, { signal }) => until(signal)) satisfies Handler]) {
      const { outcome, ms, signal } = await run(handler, { ttlMs: 100 });
      assert.deepEqual([outcome?.status, outcome?.error?.code], ['expired', 'ttl_expired']);
      assert.ok(ms >= 90 && ms < 1_000);
      assert.equal(signal?.aborted, true);
    }
  });

  it('does not begin once the ttl has passed, and costs nothing then', async () => {
    let ran = false;
    const { outcome } = await run(() => (ran = true), { ttlMs: -20 });
    assert.deepEqual([ran, outcome?.status, outcome?.costMicros], [false, 'expired', 0]);
  });

  it('is stopped at the agent’s own limit, to be tried again', async () => {
    const { outcome } = await run(forever, { limitMs: 50 });
    assert.deepEqual([outcome?.status, outcome?.error?.code], ['retry', 'run_timeout']);
  });

  it('keeps its lease at two thirds of it', async () => {
    const { outcome, renewed } = await run(() => clock.sleep(500).then(() => 1), { leaseMs: 150 });
    assert.equal(outcome?.status, 'succeeded');
    assert.ok(renewed() >= 3 && renewed() <= 5, String(renewed()));
  });

  it('does not renew when it is shorter than that', async () => {
    assert.equal((await run(() => clock.sleep(50), { leaseMs: 150 })).renewed(), 0);
  });

  it('asks for another attempt at once when its agent is switched off, and the signal says why', async () => {
    const { outcome, signal } = await run(forever, { stopMs: 30 });
    assert.deepEqual([outcome?.status, outcome?.error, outcome?.retryAfterMs], ['retry', STOP, 0]);
    assert.equal(String(signal?.reason), `Error: ${STOP.message}`);
  });

  it('is cancelled at a renewal that says so', async () => {
    const { outcome, signal } = await run(forever, { leaseMs: 60, renewals: ['held', 'cancel'] });
    assert.deepEqual([outcome?.status, outcome?.error?.code, signal?.aborted], ['cancelled', 'cancelled', true]);
  });

  it('reports nothing once another attempt has taken over', async () => {
    const { kind, signal } = await run(forever, { leaseMs: 60, renewals: ['lost'] });
    assert.deepEqual([kind, signal?.aborted], ['lost', true]);
  });

  it('goes on when a renewal fails, and renews sooner', async () => {
    const { outcome, renewed } = await run(() => clock.sleep(200), { leaseMs: 150, renewals: ['fails', 'fails', 'held'] });
    assert.equal(outcome?.status, 'succeeded');
    assert.ok(renewed() >= 3);
  });

  it('is parked when it says that the work goes on elsewhere', async () => {
    assert.equal((await run(() => ACCEPTED)).kind, 'parked');
  });

  it('reports its cost, also when it fails', async () => {
    const { outcome } = await run((_, { reportCost }) => {
      reportCost(0.25);
      throw new TerminalError('no', 'm');
    });
    assert.equal(outcome?.costMicros, 2_500);
  });
});

describe('the definition of an agent', () => {
  const handlers = { one: () => 1, two: () => 2 };
  it('needs a handler and a time limit within 540 s', () => {
    assert.throws(() => defineAgent({ name: 'a', priceCents: 1, handlers: {} }), /no handlers/);
    for (const timeLimitSeconds of [0, -1, 541, Number.NaN]) {
      assert.throws(() => defineAgent({ name: 'a', priceCents: 1, handlers, timeLimitSeconds }), /time limit/);
    }
  });

  it('picks the handler that the payload names, else the first', () => {
    const agent = defineAgent({ name: 'a', priceCents: 1, handlers });
    assert.equal(agent.handlerFor({}), handlers.one);
    assert.equal(agent.handlerFor({ handler: 'two' }), handlers.two);
    for (const handler of ['three', 'constructor', '__proto__', 5, null]) {
      assert.throws(() => agent.handlerFor({ handler }), { code: 'unknown_handler' });
    }
  });

  it('prices each payload, or does not run it', () => {
    const agent = defineAgent({ name: 'a', priceCents: ({ n }) => Number(n) * 2, handlers });
    assert.equal(agent.quoteMicros({ n: 3 }), 60_000);
    for (const n of [-1, 'x', undefined, Number.POSITIVE_INFINITY])
      assert.throws(() => agent.quoteMicros({ n }), { code: 'unpriceable' });
  });
});
