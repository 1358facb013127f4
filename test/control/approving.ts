import assert from 'node:assert/strict';
import { until } from '../support/folder.ts';
import type { Refusal, TestStack, View } from '../support/stack.ts';
import { SWITCHES_MS } from './pausing.ts';

/** One entry of `GET /approvals`. */
export interface Asked {
  readonly taskId: string;
  readonly hash: string;
  readonly agent: string;
  readonly by: string;
  readonly since: string;
  readonly budgetCents: number;
  readonly task: View;
}
interface Decided {
  readonly decision: string;
  readonly by: string;
  readonly at: string;
  readonly task: View;
}

export const DEPLOYMENT = { work: { task_type: 'deployment' } };

/** Sets the policy, and waits until every instance goes by it. */
export async function askAbout(stack: TestStack, policy: object, headers?: Record<string, string>): Promise<void> {
  const { status, body } = await stack.put('/policies/approvals', policy, headers);
  assert.equal(status, 200, JSON.stringify(body));
  await new Promise((resolve) => setTimeout(resolve, SWITCHES_MS + 100));
}

/** What waits for an approval, by the task. */
export async function askedFor(stack: TestStack, id: string, headers?: Record<string, string>): Promise<Asked> {
  const { body } = await stack.get<{ approvals: Asked[] }>('/approvals?limit=200', headers);
  const found = body.approvals.find(({ taskId }) => taskId === id);
  assert.ok(found, `${id} is not among ${JSON.stringify(body)}`);
  return found;
}

/** What approving does on every runtime. */
export function approving(stackOf: () => TestStack): void {
  const held = async (packet: object = DEPLOYMENT): Promise<View> => {
    const { status, body } = await stackOf().dispatch({ mode: 'pubsub', ...packet });
    assert.deepEqual([status, body.status, body.waitingFor], [202, 'waiting', ['approval']], JSON.stringify(body));
    return body;
  };
  const decide = <T = Decided>(id: string, body: object) => stackOf().post<T>(`/approvals/${id}`, body);
  const refused = async (id: string, body: object) => {
    const { status, body: refusal } = await decide<Refusal>(id, body);
    return [status, refusal.code];
  };

  it('asks about what the policy names: a type, an agent, a cost', async () => {
    const policy = { taskTypes: ['deployment'], agents: ['codex'], costAboveCents: 50 };
    await askAbout(stackOf(), policy);
    const { body } = await stackOf().get('/policies/approvals');
    assert.deepEqual(
      { ...body, changedAt: undefined, changedBy: undefined, effectiveAt: undefined },
      {
        ...policy,
        fourEyes: false,
        changedAt: undefined,
        changedBy: undefined,
        effectiveAt: undefined,
      },
    );
    const { changedAt, effectiveAt } = body as { changedAt?: string; effectiveAt?: string };
    assert.ok(Date.parse(String(effectiveAt)) - Date.parse(String(changedAt)) >= 1_000, `${changedAt} and ${effectiveAt}`);
    const packets: { agent?: string; budgetCents?: number; work?: object }[] = [
      DEPLOYMENT,
      { agent: 'codex' },
      { budgetCents: 51 },
    ];
    for (const packet of packets) {
      const { id } = await held(packet);
      const { agent, budgetCents, hash } = await askedFor(stackOf(), id);
      assert.deepEqual([agent, budgetCents], [packet.agent ?? 'light', packet.budgetCents ?? budgetCents]);
      assert.ok(hash.length > 20);
      await stackOf().post(`/task/${id}/cancel`, {});
    }
    assert.equal((await stackOf().run({ budgetCents: 50, work: { task_type: 'analysis' } })).status, 'succeeded');
  });

  it('runs what is approved, by the hash of what was looked at, and says who did it', async () => {
    const { id } = await held();
    const { hash, by } = await askedFor(stackOf(), id);
    assert.deepEqual(await refused(id, { decision: 'approve', hash: `${hash}x` }), [409, 'approval_changed']);
    const { body: changed } = await decide<Refusal>(id, { decision: 'approve', hash: 'another' });
    // Else whoever approves would send again what the refusal says, without another look.
    assert.ok(!JSON.stringify(changed).includes(hash));
    assert.match(String(changed.detail), /GET \/approvals/);
    assert.equal((await stackOf().get(`/task/${id}`)).body.status, 'waiting');
    const { status, body } = await decide(id, { decision: 'approve', hash, comment: 'looks fine' });
    assert.deepEqual([status, body.decision, body.by], [200, 'approved', by]);
    const view = await stackOf().ended(id);
    assert.equal(view.status, 'succeeded');
    assert.ok(view.timeline.some(({ event, by: who }) => event === 'approved' && who === by));
    // The same again is answered with what stands.
    const again = await decide(id, { decision: 'approve', hash });
    assert.deepEqual([again.status, again.body.at], [200, body.at]);
    assert.deepEqual(await refused(id, { decision: 'reject', hash }), [409, 'already_decided']);
    assert.equal((await stackOf().stored(id)).task.attempts, 1);
  });

  it('is one decision, whoever decides at the same time', async () => {
    const { id } = await held();
    const { hash } = await askedFor(stackOf(), id);
    const ways = ['approve', 'reject', 'approve', 'reject'];
    const answers = await Promise.all(ways.map((decision) => decide<Decided & Refusal>(id, { decision, hash })));
    const won = new Set(answers.filter(({ status }) => status === 200).map(({ body }) => body.decision));
    assert.equal(won.size, 1, JSON.stringify(answers.map(({ status, body }) => [status, body.code])));
    assert.deepEqual(
      answers.filter(({ status }) => status !== 200).map(({ body }) => body.code),
      Array(2).fill('already_decided'),
    );
    assert.equal((await stackOf().ended(id)).status, won.has('approved') ? 'succeeded' : 'cancelled');
  });

  it('ends what is rejected, with the reason, and never runs it', async () => {
    const { id } = await held();
    const { hash } = await askedFor(stackOf(), id);
    assert.equal((await decide(id, { decision: 'reject', hash, comment: 'not on a Friday' })).status, 200);
    const view = await stackOf().ended(id);
    assert.deepEqual([view.status, view.error?.code, view.attempts], ['cancelled', 'approval_rejected', 0]);
    assert.match(view.error?.message ?? '', /not on a Friday/);
    assert.deepEqual(await refused(id, { decision: 'approve', hash }), [409, 'already_decided']);
    assert.equal((await decide(id, { decision: 'reject', hash })).status, 200);
  });

  it('has what is approved before its time wait for that alone', async () => {
    const { id } = await held({ ...DEPLOYMENT, notBefore: Date.now() / 1000 + 2 });
    const { hash } = await askedFor(stackOf(), id);
    const { body } = await decide(id, { decision: 'approve', hash });
    assert.deepEqual([body.task.status, 'waitingFor' in body.task], ['waiting', false], JSON.stringify(body.task));
    assert.equal((await stackOf().ended(id)).status, 'succeeded');
  });

  it('asks anew about a task that is redriven: a decision is about one life', async () => {
    const { id } = await held({ agent: 'codex', payload: { fail: 'retry' }, maxAttempts: 1 });
    const { hash } = await askedFor(stackOf(), id);
    await decide(id, { decision: 'approve', hash });
    assert.equal((await stackOf().ended(id)).status, 'dead');
    const redriven = await stackOf().post(`/task/${id}/redrive`, {});
    assert.deepEqual([redriven.status, redriven.body.status, redriven.body.waitingFor], [202, 'waiting', ['approval']]);
    const asked = await askedFor(stackOf(), id);
    assert.equal((await decide(id, { decision: 'reject', hash: asked.hash })).status, 200);
    assert.equal((await stackOf().ended(id)).error?.code, 'approval_rejected');
  });

  it('is found by the name that the client has given', async () => {
    const alias = `release-${Math.random()}`;
    const packet = { task_id: alias, system_name: 'light', module_name: 'm', task_type: 'deployment' };
    const { status, body } = await stackOf().post<{ status: string }>('/submit-task', packet);
    assert.ok(status < 300, JSON.stringify(body));
    const { body: page } = await stackOf().get<{ approvals: Asked[] }>('/approvals');
    const [asked] = page.approvals;
    const { body: decided } = await decide(alias, { decision: 'approve', hash: asked?.hash });
    assert.equal(decided.decision, 'approved');
    assert.equal((await stackOf().ended(asked?.taskId ?? '')).status, 'succeeded');
  });

  it('is about tasks that wait for it, and that there are', async () => {
    const { id } = await stackOf().run({});
    assert.deepEqual(await refused(id, { decision: 'approve', hash: 'h' }), [409, 'not_waiting_for_approval']);
    assert.deepEqual(await refused('nothing', { decision: 'approve', hash: 'h' }), [404, 'task_not_found']);
    assert.deepEqual(await refused(id, { decision: 'maybe', hash: 'h' }), [422, 'invalid_fields']);
    assert.deepEqual(await refused(id, { decision: 'approve' }), [422, 'invalid_fields']);
    const unknown = await stackOf().put<Refusal>('/policies/approvals', { agents: ['nobody'] });
    assert.deepEqual([unknown.status, unknown.body.errors?.[0]?.code], [422, 'agent_not_found']);
  });

  it('lists what waits in pages, each once', async () => {
    const ids = new Set<string>();
    for (let count = 0; count < 5; count++) ids.add((await held()).id);
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const path = `/approvals?limit=2${cursor === undefined ? '' : `&cursor=${cursor}`}`;
      const { body } = await stackOf().get<{ approvals: Asked[]; nextCursor?: string }>(path);
      assert.ok(body.approvals.length <= 2);
      seen.push(...body.approvals.map(({ taskId }) => taskId));
      cursor = body.nextCursor;
    } while (cursor !== undefined);
    assert.deepEqual(new Set(seen), ids);
    assert.equal(seen.length, ids.size);
    assert.deepEqual((await stackOf().get<{ approvals: Asked[] }>('/approvals?limit=0')).body, { approvals: [] });
    for (const id of ids) await stackOf().post(`/task/${id}/cancel`, {});
    await askAbout(stackOf(), {});
    await until(async () => (await stackOf().run(DEPLOYMENT)).status === 'succeeded');
  });
}
