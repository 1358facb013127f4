import assert from 'node:assert/strict';
import { until } from '../support/folder.ts';
import { httpListener, type Listener } from '../support/http-listener.ts';
import type { Refusal } from '../support/stack.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';
import { claimAsCodex } from '../support/stack-push.ts';

const SWITCHES_MS = 400;

describe('an agent that is switched off', function () {
  this.timeout(30_000);
  let stack: EmbeddedTestStack;
  let slow: Listener;
  /** Answers what was asked of `slow`. */
  let open: (() => void)[];

  before(async () => {
    open = [];
    slow = await httpListener(async () => {
      await new Promise<void>((resolve) => {
        open.push(resolve);
      });
      return { status: 200, body: { done: true } };
    });
    stack = await embeddedStack({ 'times.switchesMs': SWITCHES_MS });
  });
  after(async () => {
    for (const answer of open) answer();
    await stack.stop();
    await slow.close();
  });

  const register = (name: string, part: object = {}) => stack.post('/register-agent', { name, handler_type: 'mock', ...part });
  const turn = async (name: string, way: 'enable' | 'disable') => {
    const { status, body } = await stack.post<{ enabled: boolean }>(`/agents/${name}/${way}`, {});
    assert.deepEqual([status, body.enabled], [200, way === 'enable']);
  };
  /** A message that is lost leaves its task queued; the sweeper publishes it again. */
  async function queued(agent: string): Promise<string> {
    stack.fate = (topic) => (topic === 'tasks' ? 'lost' : 'out');
    const { body } = await stack.dispatch({ agent, mode: 'pubsub' });
    stack.fate = () => 'out';
    assert.equal(body.status, 'queued');
    return body.id;
  }
  async function refused(agent: string): Promise<Refusal> {
    const { status, body } = await stack.dispatch<Refusal>({ agent });
    assert.equal(status, 409, JSON.stringify(body));
    return body;
  }
  const off = () => until(async () => (await stack.dispatch({ agent: 'watched' })).status === 409, 2 * SWITCHES_MS + 1_000);

  it('takes no task within the time, and the next one as soon as it is on again', async () => {
    await register('watched');
    assert.equal((await stack.dispatch({ agent: 'watched' })).status, 200);
    await turn('watched', 'disable');
    await off();
    const { code, detail, errors } = await refused('watched');
    assert.deepEqual([code, errors?.[0]?.field], ['agent_disabled', 'agent']);
    assert.match(detail, /Agent watched is switched off/);
    await turn('watched', 'enable');
    assert.equal((await stack.dispatch({ agent: 'watched' })).status, 200);
  });

  it('may be everybody’s: then it is off for its tenant', async () => {
    await turn('light', 'disable');
    await until(async () => (await stack.dispatch({ agent: 'light' })).status === 409, 2 * SWITCHES_MS + 1_000);
    await turn('light', 'enable');
    assert.equal((await stack.dispatch({ agent: 'light' })).status, 200);
  });

  for (const agent of ['waiting', 'codex']) {
    it(`leaves what waits for it dead, and redriven once it is on: ${agent}`, async () => {
      if (agent === 'waiting') await register(agent);
      const id = await queued(agent);
      await turn(agent, 'disable');
      const view = await stack.ended(id);
      assert.deepEqual([view.status, view.error?.code, view.attempts, view.costCents], ['dead', 'agent_disabled', 0, 0]);
      await turn(agent, 'enable');
      assert.equal((await stack.post(`/task/${id}/redrive`, {})).status, 202);
      assert.equal((await stack.ended(id)).status, 'succeeded');
    });
  }

  it('answers a repeat with the task that it repeats, off or removed', async () => {
    await register('repeated', { result: 1 });
    const packet = { agent: 'repeated', payload: { a: 1 }, idempotencyKey: 'repeated' };
    const { body } = await stack.dispatch(packet);
    await turn('repeated', 'disable');
    for (const way of ['off', 'removed']) {
      await until(async () => (await stack.dispatch({ agent: 'repeated' })).status === (way === 'off' ? 409 : 422));
      const again = await stack.dispatch(packet);
      assert.deepEqual([again.status, again.body.id, again.body.result], [200, body.id, 1], way);
      assert.equal(again.headers.get('idempotent-replayed'), 'true');
      const other = await stack.dispatch<Refusal>({ ...packet, payload: { a: 2 } });
      assert.equal(other.body.code, way === 'off' ? 'agent_disabled' : 'agent_not_found');
      await stack.delete('/agents/repeated');
    }
  });

  it('is stopped while it runs: its request ends, and its task is dead', async () => {
    await register('runs', { handler_type: 'http', endpoint: slow.url });
    const { body } = await stack.dispatch({ agent: 'runs', mode: 'pubsub' });
    await until(() => open.length === 1);
    const started = Date.now();
    await turn('runs', 'disable');
    const view = await stack.ended(body.id);
    assert.ok(Date.now() - started < 5_000);
    assert.deepEqual([view.status, view.error?.code, view.attempts], ['dead', 'agent_disabled', 1]);
    assert.deepEqual(
      view.timeline.map(({ event, code }) => [event, code]),
      [
        ['queued', undefined],
        ['running', undefined],
        ['retry', 'agent_disabled'],
        ['dead', 'agent_disabled'],
      ],
    );
    assert.equal(open.length, 1, 'it was called again');
  });

  it('is stopped while it runs, in mode http too', async () => {
    await turn('runs', 'enable');
    const before = open.length;
    const dispatched = stack.dispatch({ agent: 'runs', mode: 'http' });
    await until(() => open.length === before + 1);
    await turn('runs', 'disable');
    const { body } = await dispatched;
    assert.equal((await stack.ended(body.id)).error?.code, 'agent_disabled');
  });

  it('is stopped while it runs, though it reaches the store through dispatch alone', async () => {
    const { body } = await stack.dispatch({ agent: 'codex', mode: 'pubsub', payload: { pauseMs: 60_000 } });
    await stack.reaches(body.id, 'running');
    await turn('codex', 'disable');
    const view = await stack.ended(body.id);
    assert.deepEqual([view.status, view.error?.code, view.attempts], ['dead', 'agent_disabled', 1]);
    await turn('codex', 'enable');
  });

  it('does not claim, over HTTPS either', async () => {
    const id = await queued('codex');
    await turn('codex', 'disable');
    await until(async () => (await stack.dispatch({ agent: 'codex' })).status === 409, 2 * SWITCHES_MS + 1_000);
    const { body } = await claimAsCodex(stack, id);
    assert.deepEqual([body.kind, (await stack.ended(id)).error?.code], ['ended', 'agent_disabled']);
    await turn('codex', 'enable');
  });

  it('stays off when it is registered anew, unless that says otherwise', async () => {
    await register('kept');
    await turn('kept', 'disable');
    await register('kept', { result: 1 });
    assert.equal((await stack.get<{ enabled: boolean }>('/agents/kept')).body.enabled, false);
    await register('kept', { result: 1, enabled: true });
    assert.equal((await stack.dispatch({ agent: 'kept' })).status, 200);
    await register('kept', { enabled: false });
    assert.equal((await stack.get<{ enabled: boolean }>('/agents/kept')).body.enabled, false);
  });

  it('quarantines what is published straight to the topic for it', async () => {
    await register('straight', { enabled: false });
    const before = (await stack.quarantined()).length;
    await new Promise((resolve) => setTimeout(resolve, SWITCHES_MS + 50));
    await stack.publish('tasks', { payload: {} }, { agent: 'straight' });
    await until(async () => (await stack.quarantined()).length === before + 1);
    assert.ok((await stack.quarantined()).some(({ data }) => data.code === 'agent_disabled'));
  });

  describe('that is removed', () => {
    it('is not found within the time, though every instance remembers it, and fails what waits for it', async () => {
      await register('removed');
      assert.equal((await stack.dispatch({ agent: 'removed' })).status, 200);
      const id = await queued('removed');
      assert.equal((await stack.delete('/agents/removed')).status, 200);
      await until(async () => (await stack.dispatch({ agent: 'removed' })).status === 422, 2 * SWITCHES_MS + 1_000);
      const view = await stack.ended(id);
      assert.deepEqual([view.status, view.error], ['failed', { code: 'agent_not_found', message: 'Agent removed not found.' }]);
      assert.equal((await stack.get('/agents/removed')).status, 404);
    });

    it('is there at once when it is registered again', async () => {
      await register('removed', { result: 'again' });
      assert.deepEqual((await stack.dispatch({ agent: 'removed' })).status, 200);
    });

    it('leaves everything else working', async () => {
      assert.equal((await stack.run({ agent: 'light' })).status, 'succeeded');
    });
  });

  it('is asked about with the proof of an attempt alone', async () => {
    const proof = { epoch: 1, outcomeToken: 'codex.forged', tenant: 'default' };
    assert.equal((await stack.post<Refusal>('/task/x/check', proof)).body.code, 'unauthenticated');
    assert.equal((await stack.post<Refusal>('/task/x/check', { ...proof, tenant: undefined })).body.code, 'invalid_fields');
  });
});
