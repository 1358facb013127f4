import assert from 'node:assert/strict';
import { newApiKey, type Scope } from '../../functions/core/authenticate.ts';
import { lifeOf } from '../../functions/core/task.ts';
import { approvalId } from '../../functions/core/waiting/approvals.ts';
import { until } from '../support/folder.ts';
import type { Refusal, View } from '../support/stack.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';
import { type Asked, askAbout, askedFor, DEPLOYMENT } from './approving.ts';
import { aProject, type Held, SWITCHES_MS, untilHeld } from './pausing.ts';

type Headers = Record<string, string>;

describe('who may hold up and let go on', function () {
  this.timeout(30_000);
  let stack: EmbeddedTestStack;
  before(async () => {
    stack = await embeddedStack({ auth: 'required', 'times.switchesMs': SWITCHES_MS, 'times.waitingMaximumMs': 500 });
  });
  after(() => stack.stop());

  async function keyOf(tenant: string, ...scopes: Scope[]): Promise<Headers> {
    const random = (bytes: number) => Buffer.from(crypto.getRandomValues(new Uint8Array(bytes))).toString('hex');
    const { key, id, record } = newApiKey(random, { tenant, scopes, createdAt: Date.now() });
    await stack.control.commit([{ kind: 'create', collection: 'keys', id, data: { ...record } }]);
    return { authorization: `Bearer ${key}` };
  }
  const ask = (method: string, path: string, headers: Headers, body: unknown = {}) =>
    method === 'GET'
      ? stack.get<Refusal>(path, headers)
      : method === 'DELETE'
        ? stack.delete<Refusal>(path, headers)
        : stack[method === 'PUT' ? 'put' : 'post']<Refusal>(path, body, headers);
  const held = async (headers: Headers): Promise<View> => {
    const { status, body } = await stack.dispatch({ mode: 'pubsub', ...DEPLOYMENT }, headers);
    assert.deepEqual([status, body.waitingFor], [202, ['approval']]);
    return body;
  };
  const attempts = async (id: string) => (await stack.stored(id)).task.attempts;

  it('is the administrator alone', async () => {
    const keys = [await keyOf('default', 'read'), await keyOf('default', 'dispatch'), await keyOf('default', 'read', 'dispatch')];
    const rows: [method: string, path: string, body?: object][] = [
      ['POST', '/agents/light/pause'],
      ['POST', '/agents/light/resume'],
      ['POST', '/pause', { all: true }],
      ['POST', '/resume', { all: true }],
      ['POST', '/emergency-stop'],
      ['DELETE', '/emergency-stop'],
      ['GET', '/switches'],
      ['GET', '/policies/approvals'],
      ['PUT', '/policies/approvals', { taskTypes: [] }],
      ['GET', '/approvals'],
      ['POST', '/approvals/any', { decision: 'approve', hash: 'h' }],
    ];
    for (const [method, path, body] of rows) {
      for (const key of keys) {
        const { status, body: refusal } = await ask(method, path, key, body);
        assert.deepEqual([status, refusal.code], [403, 'forbidden'], `${method} ${path}`);
      }
    }
    const admin = await keyOf('default', 'admin');
    assert.deepEqual((await stack.get<Held>('/switches', admin)).body, { paused: [], off: [] });
    const policy = { taskTypes: [], agents: [], fourEyes: false };
    assert.deepEqual((await stack.get<unknown>('/policies/approvals', admin)).body, policy);
    assert.equal((await stack.get('/system-state', await keyOf('default', 'read'))).status, 200);
    assert.equal((await stack.get('/system-state', await keyOf('default', 'dispatch'))).status, 403);
  });

  it('ends at the tenant: nobody holds up, sees or decides about what is another’s', async () => {
    const [acme, other] = [await keyOf('acme', 'admin'), await keyOf('other', 'admin')];
    await askAbout(stack, { taskTypes: ['deployment'] }, acme);
    const { id } = await held(acme);
    const { hash } = await askedFor(stack, id, acme);
    const foreign = await ask('POST', `/approvals/${id}`, other, { decision: 'approve', hash });
    assert.deepEqual([foreign.status, foreign.body.code], [404, 'task_not_found']);
    assert.deepEqual((await stack.get<{ approvals: Asked[] }>('/approvals', other)).body.approvals, []);
    const project = await aProject(stack, 'acme');
    assert.equal((await ask('POST', '/pause', other, { project })).body.code, 'project_not_found');
    for (const [method, path, body] of [
      ['POST', '/emergency-stop', {}],
      ['POST', '/pause', { all: true }],
      ['PUT', '/policies/approvals', { costAboveCents: 0 }],
    ] as const) {
      assert.equal((await ask(method, path, other, body)).status, 200);
    }
    await untilHeld(stackWith(other));
    assert.equal((await stack.dispatch({}, acme)).body.status, 'succeeded');
    assert.deepEqual((await stack.get<Held>('/switches', acme)).body, { paused: [], off: [] });
    const state = await stack.get<{ tasks: View[]; paused: unknown[]; stopped?: unknown }>('/system-state', other);
    assert.ok(state.body.stopped !== undefined && state.body.tasks.every(({ id: seen }) => seen !== id));
    assert.equal(await attempts(id), 0);
    await ask('POST', `/approvals/${id}`, acme, { decision: 'approve', hash });
    assert.equal((await waited(id, acme)).status, 'succeeded');
  });

  it('is somebody else than who dispatched it, where the policy wants four eyes', async () => {
    const [one, two] = [await keyOf('eyes', 'admin'), await keyOf('eyes', 'admin')];
    await askAbout(stack, { taskTypes: ['deployment'], fourEyes: true }, one);
    const { id } = await held(one);
    const { hash } = await askedFor(stack, id, one);
    for (const decision of ['approve', 'reject']) {
      const { status, body } = await ask('POST', `/approvals/${id}`, one, { decision, hash });
      assert.deepEqual([status, body.code], [403, 'four_eyes']);
    }
    assert.equal((await ask('POST', `/approvals/${id}`, two, { decision: 'approve', hash })).status, 200);
    assert.equal((await waited(id, one)).status, 'succeeded');
  });

  it('is no agent: neither by its token, nor by what it reports or publishes', async () => {
    const admin = await keyOf('agents', 'admin');
    await askAbout(stack, { taskTypes: ['deployment'], agents: ['codex'] }, admin);
    const { body } = await stack.dispatch({ agent: 'codex', mode: 'pubsub', ...DEPLOYMENT }, admin);
    const { hash } = await askedFor(stack, body.id, admin);
    for (const name of ['codex', 'agent-light']) {
      const email = stack.runtime('dispatch').agents.find(name === 'codex' ? 'codex' : 'light')?.email ?? '';
      const token = await stack.local.issuer.token({ email, audience: String(stack.local.functionUrls.control) });
      const answer = await ask(
        'POST',
        `/approvals/${body.id}`,
        { authorization: `Bearer ${token}` },
        { decision: 'approve', hash },
      );
      assert.deepEqual([answer.status, answer.body.code], [403, 'forbidden'], name);
    }
    const { task } = await stack.stored(body.id);
    const claimable = { ...task, status: 'queued', waitingFor: [] };
    await stack.publish(
      'tasks',
      { taskId: body.id, version: '1', core: claimable, agent: 'codex', payload: {} },
      { agent: 'codex' },
    );
    const report = { epoch: 1, outcomeToken: 'codex.forged', outcome: { status: 'succeeded', result: 1 } };
    assert.equal((await stack.post<Refusal>(`/task-update/${body.id}`, report)).body.code, 'unauthenticated');
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    assert.deepEqual([(await stack.stored(body.id)).task.status, await attempts(body.id)], ['waiting', 0]);
  });

  it('is asked about what is published straight to the topic too, for whichever agent', async () => {
    await askAbout(stack, { taskTypes: ['deployment'], agents: ['codex'] }, await keyOf('default', 'admin'));
    for (const agent of ['light', 'codex']) {
      const traceId = `straight to ${agent}`;
      await stack.publish('tasks', { agent, payload: {}, ...DEPLOYMENT }, { agent, traceId });
      let tasks: readonly View[] = [];
      const reader = await keyOf('default', 'read');
      await until(async () => {
        tasks = (await stack.get<{ tasks: View[] }>(`/tasks?trace=${encodeURIComponent(traceId)}`, reader)).body.tasks;
        return tasks.length === 1;
      });
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      const { task } = await stack.stored(tasks[0]?.id ?? '');
      assert.deepEqual([task.status, task.waitingFor, task.attempts], ['waiting', ['approval'], 0], agent);
    }
    await askAbout(stack, {}, await keyOf('default', 'admin'));
  });

  it('decides about what was looked at: a decision about another hash or life lets nothing run', async () => {
    const admin = await keyOf('bound', 'admin');
    await askAbout(stack, { taskTypes: ['deployment'] }, admin);
    const { id } = await held(admin);
    const { hash } = await askedFor(stack, id, admin);
    const other = await held(admin);
    const swapped = await stack.dispatch({ mode: 'pubsub', payload: { a: 1 }, ...DEPLOYMENT }, admin);
    const { hash: foreign } = await askedFor(stack, swapped.body.id, admin);
    assert.notEqual(foreign, hash);
    for (const one of [id, other.id]) {
      const { status, body } = await ask('POST', `/approvals/${one}`, admin, { decision: 'approve', hash: foreign });
      assert.deepEqual([status, body.code], [409, 'approval_changed']);
      assert.ok(!JSON.stringify(body).includes(hash), 'the refusal says what to send');
    }
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    assert.deepEqual([await attempts(id), await attempts(other.id)], [0, 0]);
  });

  it('is on record: each act by itself, by whom, with what was looked at', async () => {
    const admin = await keyOf('recorded', 'admin');
    const project = await aProject(stack, 'recorded');
    await askAbout(stack, { taskTypes: ['deployment'] }, admin);
    for (const way of ['/pause', '/resume']) {
      for (const body of [{ agent: 'light' }, { project }, { all: true }])
        assert.equal((await ask('POST', way, admin, body)).status, 200);
    }
    await ask('POST', '/emergency-stop', admin);
    await ask('DELETE', '/emergency-stop', admin);
    const ids = [(await held(admin)).id, (await held(admin)).id];
    for (const [index, id] of ids.entries()) {
      const { hash } = await askedFor(stack, id, admin);
      const decision = { decision: index === 0 ? 'approve' : 'reject', hash, comment: 'seen' };
      assert.equal((await ask('POST', `/approvals/${id}`, admin, decision)).status, 200);
      // A repeat, and what was refused, are no decisions.
      await ask('POST', `/approvals/${id}`, admin, decision);
      await ask('POST', `/approvals/${id}`, admin, { ...decision, hash: 'another' });
    }
    interface Entry {
      readonly event: string;
      readonly entity: string;
      readonly actor: string;
      readonly detail?: { readonly hash?: string; readonly comment?: string };
    }
    const { body } = await stack.get<{ entries: Entry[] }>('/audit?limit=200', admin);
    const shown = body.entries.map(({ event, entity }) => `${event} ${entity}`);
    const about = ['agent:light', `project:${project}`, 'all'];
    const expected = [
      'policy_changed policy:approvals',
      ...about.map((entity) => `paused ${entity}`),
      ...about.map((entity) => `resumed ${entity}`),
      ...['stopped all', 'stop_lifted all', `approved approval:${ids[0]}`, `rejected approval:${ids[1]}`],
    ];
    assert.deepEqual(shown.sort(), expected.sort());
    assert.ok(body.entries.every(({ actor }) => actor.startsWith('key ')));
    const decisions = body.entries.filter(({ entity }) => entity.startsWith('approval:'));
    assert.ok(decisions.every(({ detail }) => detail?.comment === 'seen' && (detail.hash ?? '').length > 20));
  });

  it('stands once it is written: the sweeper carries on what a crash has left', async () => {
    const admin = await keyOf('crashed', 'admin');
    await askAbout(stack, { taskTypes: ['deployment'] }, admin);
    const ids = [(await held(admin)).id, (await held(admin)).id];
    for (const [index, id] of ids.entries()) {
      const { hash } = await askedFor(stack, id, admin);
      const known = await stack.stored(id);
      const decision = index === 0 ? 'approved' : 'rejected';
      const data = { tenant: 'crashed', taskId: id, life: lifeOf(known.task), hash, decision, by: 'somebody', at: Date.now() };
      await stack.control.commit([{ kind: 'create', collection: 'approvals', id: approvalId(known), data }]);
    }
    assert.equal((await waited(ids[0] ?? '', admin)).status, 'succeeded');
    assert.equal((await waited(ids[1] ?? '', admin)).error?.code, 'approval_rejected');
  });

  /** The same stack for the holder of a key. */
  const stackWith = (headers: Headers) =>
    ({ ...stack, dispatch: (packet: Record<string, unknown>) => stack.dispatch(packet, headers) }) as EmbeddedTestStack;
  const waited = async (id: string, headers: Headers) => (await stack.get(`/task/${id}?waitSeconds=10`, headers)).body;
});
