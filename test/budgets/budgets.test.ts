import assert from 'node:assert/strict';
import { commitHolding } from '../../functions/core/budgets/holds.ts';
import type { Runtime } from '../../functions/core/runtime.ts';
import { putBudget } from '../../functions/dispatch/budgets.ts';
import { until } from '../support/folder.ts';
import type { Refusal, View } from '../support/stack.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';

interface BudgetView {
  readonly scope: string;
  readonly limitCents: number | null;
  readonly heldCents: number;
  readonly spentCents: number;
  readonly freeCents: number | null;
  readonly mode: string;
  readonly effectiveAt?: string;
}

describe('budgets', function () {
  this.timeout(20_000);
  let stack: EmbeddedTestStack;
  beforeEach(async () => {
    stack = await embeddedStack({ 'times.limitsCacheMs': 1, 'times.allowanceIdleMs': 500 });
  });
  afterEach(() => stack.stop());

  const limit = (scope: string, limitCents: number | null, mode = 'plain') =>
    stack.put<BudgetView>(`/budgets/${scope}`, { limitCents, mode });
  const amounts = async (scope: string) => {
    const { body } = await stack.get<BudgetView>(`/budgets/${scope}`);
    return [body.heldCents, body.spentCents, body.freeCents];
  };
  const refused = async (packet: Record<string, unknown>) => {
    const { status, body } = await stack.dispatch<Refusal>({ mode: 'pubsub', ...packet });
    return [status, body.code];
  };
  const later = () => Date.now() / 1000 + 600;

  describe('limits', () => {
    it('are set, shown, listed and lifted', async () => {
      assert.deepEqual((await stack.get('/budgets')).body, { budgets: [] });
      const before = Date.now();
      const { status, body } = await limit('tenant', 12.5);
      assert.deepEqual(
        [status, body.scope, body.limitCents, body.heldCents, body.spentCents, body.freeCents, body.mode],
        [200, 'tenant', 12.5, 0, 0, 12.5, 'plain'],
      );
      assert.ok(Date.parse(body.effectiveAt ?? '') >= before);
      assert.equal((await limit('agent:light', 100, 'leased')).status, 200);
      assert.deepEqual((await stack.get('/budgets/tenant')).body, body);
      const listed = (await stack.get<{ budgets: BudgetView[] }>('/budgets')).body.budgets;
      assert.deepEqual(
        listed.map(({ scope, mode }) => [scope, mode]),
        [
          ['agent:light', 'leased'],
          ['tenant', 'plain'],
        ],
      );
      assert.equal((await limit('tenant', null)).body.limitCents, null);
      assert.equal((await stack.get('/budgets/tenant')).status, 404);
      assert.equal((await stack.run({ budgetCents: 100 })).status, 'succeeded');
    });

    it('are refused for what there is not, and bad amounts by their field', async () => {
      for (const scope of ['agent:nobody', 'team', 'agent:', '__proto__']) {
        const { status, body } = await stack.put<Refusal>(`/budgets/${scope}`, { limitCents: 5 });
        assert.deepEqual([scope, status, body.code], [scope, 404, 'budget_not_found']);
      }
      for (const body of [
        {},
        { limitCents: -1 },
        { limitCents: 0.00001 },
        { limitCents: '5' },
        { limitCents: 5, mode: 'hot' },
        { limitCents: 5, x: 1 },
      ]) {
        const reply = await stack.put<Refusal>('/budgets/tenant', body);
        assert.deepEqual([reply.status, reply.body.code], [422, 'invalid_fields'], JSON.stringify(body));
      }
      assert.deepEqual((await stack.get('/budgets')).body, { budgets: [] });
    });
  });

  describe("a tenant's", () => {
    it('is held by a task, booked at its end, and refuses what finds no room', async () => {
      await limit('tenant', 60);
      const held = (await stack.dispatch({ mode: 'pubsub', notBefore: later(), budgetCents: 40 })).body;
      assert.deepEqual(await amounts('tenant'), [40, 0, 20]);
      assert.deepEqual(await refused({ budgetCents: 21 }), [402, 'budget_exceeded']);
      const ran = await stack.run({ budgetCents: 20 });
      assert.deepEqual([ran.status, ran.costCents], ['succeeded', 5]);
      await until(async () => (await amounts('tenant'))[1] === 5);
      assert.deepEqual(await amounts('tenant'), [40, 5, 15]);
      assert.equal((await stack.post(`/task/${held.id}/cancel`, {})).status, 200);
      assert.deepEqual(await amounts('tenant'), [0, 5, 55]);
    });

    it('leaves a refused task unwritten', async () => {
      await limit('tenant', 1);
      assert.deepEqual(await refused({ idempotencyKey: 'none' }), [402, 'budget_exceeded']);
      assert.deepEqual((await stack.get<{ tasks: unknown[] }>('/tasks')).body.tasks, []);
    });

    it('answers a repeat with what it repeats, though there is no room left', async () => {
      await limit('tenant', 25);
      const packet = { mode: 'pubsub', idempotencyKey: 'twice', notBefore: later() };
      const first = await stack.dispatch(packet);
      const again = await stack.dispatch(packet);
      assert.deepEqual([first.status, again.status, again.body.id], [202, 202, first.body.id]);
      assert.equal(again.headers.get('idempotent-replayed'), 'true');
      assert.deepEqual(await amounts('tenant'), [25, 0, 0]);
    });

    it('is a budget that 60 concurrent tasks cannot overshoot, and is used to its end', async () => {
      await limit('tenant', 100);
      const replies = await Promise.all(Array.from({ length: 60 }, () => stack.dispatch({ mode: 'pubsub', budgetCents: 5 })));
      const accepted = replies.filter(({ status }) => status === 202);
      assert.equal(accepted.length, 20);
      assert.ok(replies.every(({ status }) => status === 202 || status === 402));
      for (const { body } of accepted) assert.equal((await stack.ended(body.id)).costCents, 5);
      await until(async () => (await amounts('tenant'))[0] === 0);
      assert.deepEqual(await amounts('tenant'), [0, 100, 0]);
    });

    it('is held once by many posts of one key, and by their neighbours beside them', async () => {
      await limit('tenant', 105);
      const packet = { mode: 'pubsub', notBefore: later(), budgetCents: 5 };
      const replies = await Promise.all(
        Array.from({ length: 60 }, (_, n) => stack.dispatch({ ...packet, idempotencyKey: n % 3 === 0 ? `own ${n}` : 'one' })),
      );
      assert.deepEqual(
        replies.filter(({ status }) => status !== 202),
        [],
      );
      assert.equal(new Set(replies.map(({ body }) => body.id)).size, 21);
      assert.deepEqual(await amounts('tenant'), [105, 0, 0]);
    });

    it('binds at once when it is lowered, and lets what is held run', async () => {
      await limit('tenant', 50);
      const { body } = await stack.dispatch({ mode: 'pubsub', payload: {}, agent: 'codex', budgetCents: 10 });
      await limit('tenant', 5);
      assert.deepEqual(await refused({ budgetCents: 5 }), [402, 'budget_exceeded']);
      assert.equal((await stack.ended(body.id)).status, 'succeeded');
    });

    it('leaves with the ended task what it had held and what was booked of that', async () => {
      await limit('tenant', 50);
      const { id } = await stack.run({ budgetCents: 10 });
      await until(async () => (await stack.stored(id)).task.pending === undefined);
      const { task } = await stack.stored(id);
      assert.deepEqual(
        task.holds?.map(({ kind, micros, booked }) => [kind, micros, booked?.spentMicros]),
        [['tenant', 100_000, 50_000]],
      );
    });
  });

  it("an agent's is its own", async () => {
    await limit('agent:codex', 5);
    assert.deepEqual(await refused({ agent: 'codex', budgetCents: 6 }), [402, 'budget_exceeded']);
    assert.equal((await stack.run({ agent: 'light' })).status, 'succeeded');
    assert.deepEqual(await amounts('agent:codex'), [0, 0, 5]);
  });

  it('a first limit binds from its effectiveAt on, also where there was seen to be none', async () => {
    const slow = await embeddedStack({ 'times.limitsCacheMs': 1_000 });
    try {
      const publish = (key: string) => slow.publish('tasks', { text: key }, { idempotencyKey: key });
      await publish('before');
      await until(async () => (await slow.get<{ tasks: unknown[] }>('/tasks')).body.tasks.length === 1);
      const { effectiveAt } = (await slow.put<BudgetView>('/budgets/tenant', { limitCents: 1 })).body;
      await until(() => Date.now() > Date.parse(effectiveAt ?? ''));
      await publish('after');
      await until(async () => (await slow.quarantined()).length === 1);
      assert.equal((await slow.quarantined())[0]?.data.code, 'budget_exceeded');
    } finally {
      await slow.stop();
    }
  });

  it('a message straight to the topic that finds no room is quarantined with the reason', async () => {
    await limit('tenant', 1);
    await stack.publish('tasks', { text: 'a' });
    await until(async () => (await stack.quarantined()).length === 1);
    assert.equal((await stack.quarantined())[0]?.data.code, 'budget_exceeded');
  });

  it('a leased one gives back through the sweeper', async () => {
    await limit('tenant', 50, 'leased');
    const { costCents } = await stack.run({ budgetCents: 10 });
    assert.equal(costCents, 5);
    await until(async () => (await amounts('tenant')).join() === '0,5,45', 10_000);
  });

  it('a leased one that is lowered bounds what is left of an allowance too', async () => {
    await limit('tenant', 1_000, 'leased');
    const packet = { notBefore: later(), budgetCents: 5 };
    assert.equal((await stack.dispatch(packet)).status, 202);
    assert.deepEqual(await amounts('tenant'), [50, 0, 950]);
    const accepted = async () => {
      const replies = await Promise.all(Array.from({ length: 10 }, () => stack.dispatch(packet)));
      return replies.filter(({ status }) => status === 202).length;
    };
    await limit('tenant', 5, 'leased');
    assert.equal(await accepted(), 0);
    await limit('tenant', 20, 'leased');
    assert.equal(await accepted(), 3);
    await limit('tenant', 45, 'leased');
    assert.equal(await accepted(), 5);
  });

  it('lowered by an instance whose day has not ended, binds those whose next day has begun', async () => {
    const midnight = Date.parse(new Date().toISOString().slice(0, 10)) + 86_400_000;
    const at = (ms: number): Runtime => {
      const runtime = stack.runtime('dispatch');
      return { ...runtime, clock: { ...runtime.clock, now: () => midnight + ms } };
    };
    const caller = { tenant: 'default', scopes: ['admin'], name: 'test' } as const;
    const hold = (ms: number) =>
      commitHolding(at(ms), { tenant: 'default', agent: 'light', budgetMicros: 100_000 }, async () => []);
    await putBudget(at(-10_000), caller, 'tenant', { limitCents: 100 });
    await hold(200);
    await putBudget(at(-100), caller, 'tenant', { limitCents: 15 });
    await assert.rejects(hold(400), { code: 'budget_exceeded' });
    await putBudget(at(-50), caller, 'tenant', { limitCents: 20 });
    await hold(600);
    await assert.rejects(hold(800), { code: 'budget_exceeded' });
  });

  describe('of a task and its children', () => {
    const parentOf = async (budgetCents: number): Promise<View> =>
      (await stack.dispatch({ mode: 'pubsub', notBefore: later(), budgetCents })).body;

    it("come out of the parent's", async () => {
      const parent = await parentOf(30);
      const child = await stack.dispatch({ notBefore: later(), parentTaskId: parent.id, budgetCents: 20 });
      assert.equal(child.status, 202);
      assert.deepEqual(await amounts(`task:${parent.id}`), [20, 0, 10]);
      assert.deepEqual(await refused({ parentTaskId: parent.id, budgetCents: 11 }), [402, 'budget_exceeded']);
      const ran = await stack.run({ parentTaskId: parent.id, budgetCents: 10 });
      assert.equal(ran.costCents, 5);
      await until(async () => (await amounts(`task:${parent.id}`))[1] === 5);
      assert.deepEqual(await amounts(`task:${parent.id}`), [20, 5, 5]);
      // A grandchild takes from the child alone.
      const grandchild = { notBefore: later(), parentTaskId: child.body.id };
      assert.equal((await stack.dispatch({ ...grandchild, budgetCents: 20 })).status, 202);
      assert.deepEqual(await refused({ ...grandchild, budgetCents: 1 }), [402, 'budget_exceeded']);
    });

    it('cannot be had from a parent that has ended, or that there is not', async () => {
      const ended = await stack.run({});
      assert.deepEqual(await refused({ parentTaskId: ended.id, budgetCents: 1 }), [409, 'parent_ended']);
      for (const parentTaskId of ['nothing', 'a/b', '..', '__id__'])
        assert.deepEqual(await refused({ parentTaskId, budgetCents: 1 }), [422, 'parent_not_found']);
    });

    it('leave the parent no more than is left for its own runs', async () => {
      const soon = Date.now() / 1000 + 1;
      const parent = (await stack.dispatch({ mode: 'pubsub', notBefore: soon, budgetCents: 8 })).body;
      assert.equal((await stack.dispatch({ notBefore: later(), parentTaskId: parent.id, budgetCents: 4 })).status, 202);
      const { status, error } = await stack.ended(parent.id);
      assert.deepEqual([status, error?.code], ['failed', 'budget_exceeded']);
    });

    it("hold the tenant's budget once, until the last of them has ended", async () => {
      await limit('tenant', 100);
      const parent = await parentOf(40);
      const child = (await stack.dispatch({ notBefore: later(), parentTaskId: parent.id, budgetCents: 30, agent: 'codex' })).body;
      const ran = await stack.run({ parentTaskId: child.id, budgetCents: 10 });
      assert.equal(ran.costCents, 5);
      assert.deepEqual(await amounts('tenant'), [40, 0, 60]);
      await stack.post(`/task/${parent.id}/cancel`, {});
      await until(async () => (await amounts('tenant'))[0] === 0);
      assert.deepEqual(await amounts('tenant'), [0, 5, 95]);
    });
  });

  it('a redriven task holds anew', async () => {
    await limit('tenant', 30);
    const dead = await stack.run({ agent: 'codex', payload: { fail: 'retry' }, maxAttempts: 2, budgetCents: 15 });
    assert.deepEqual([dead.status, dead.costCents], ['dead', 10]);
    await until(async () => (await amounts('tenant')).join() === '0,10,20');
    assert.equal((await stack.post(`/task/${dead.id}/redrive`, {})).status, 202);
    assert.equal((await stack.ended(dead.id)).costCents, 20);
    await until(async () => (await amounts('tenant')).join() === '0,20,10');
    const { status, body } = await stack.post<Refusal>(`/task/${dead.id}/redrive`, {});
    assert.deepEqual([status, body.code], [402, 'budget_exceeded']);
    assert.equal((await stack.get(`/task/${dead.id}`)).body.status, 'dead');
  });
});
