import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { freePorts } from '../../emulator-bridge/loopback.ts';
import type { JobView } from '../dispatch/orchestrate/jobs.ts';
import type { Refusal } from '../support/stack.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';
import { answers, type Behaviour, type WebhookServer, webhookServer } from '../support/webhook-server.ts';

const WAIT_MS = 400;

describe('a flow that calls back while its own job runs', function () {
  this.timeout(40_000);
  let stack: EmbeddedTestStack;
  let hook: WebhookServer;
  before(async () => {
    hook = await webhookServer();
    const [port] = await freePorts(1);
    const flow = (name: string, more: object = {}) => ({
      name,
      mode: 'flow',
      target: `${hook.url}/${name}`,
      concurrency: 1,
      ...more,
    });
    stack = await embeddedStack({
      port,
      // One push at a time, of each subscription.
      'limits.deliveryConcurrency': 1,
      'times.orchestrateWaitMs': WAIT_MS,
      intents: [
        ...['outer.run', 'inner.run', 'same.run', 'deep.run'].map((name) => flow(name)),
        flow('waits.run', { timeLimitSeconds: 0.5 }),
        ...['orchestrate', 'dispatch', 'callbacks/ingest', 'submit-task'].map((path) => ({
          name: `own.${path.replace('/', '-')}`,
          mode: 'flow',
          target: `http://127.0.0.1:${port}/${path}`,
        })),
      ],
    });
    hook.behaviours.set('/inner.run', answers(200, '"inner"', { 'content-type': 'application/json' }));
  });
  after(async () => {
    await stack?.stop();
    await hook?.close();
  });

  const ask = async (intent: string, inputs: object = {}): Promise<JobView> =>
    (await stack.post<JobView>('/orchestrate', { intent, inputs })).body;
  const job = async (id: string) => (await stack.get<JobView>(`/jobs/${id}`)).body;
  async function ended(id: string): Promise<JobView> {
    await stack.ended(id.slice(4), 30_000);
    return job(id);
  }
  /** Answers with what it was answered itself. */
  const relays =
    (intent: string, inputs: (given: Record<string, unknown>) => object): Behaviour =>
    async (call, response) =>
      answers(200, JSON.stringify(await ask(intent, inputs(call.body.inputs))), { 'content-type': 'application/json' })(
        call,
        response,
      );

  it('is given the result of another intent', async () => {
    hook.behaviours.set(
      '/outer.run',
      relays('inner.run', () => ({ n: 1 })),
    );
    const { status, result } = await ended((await ask('outer.run')).job_id);
    assert.deepEqual([status, (result as JobView).status, (result as JobView).result], ['success', 'success', 'inner']);
  });

  it('is given it also when both run by the topic, which has one place', async () => {
    hook.behaviours.set('/inner.run', (call, response) => answers(call.body.epoch === 1 ? 503 : 200, '"inner"')(call, response));
    const relay = relays('inner.run', () => ({ n: 2 }));
    hook.behaviours.set('/outer.run', (call, response) =>
      call.body.epoch === 1 ? answers(503)(call, response) : relay(call, response),
    );
    const outer = await ended((await ask('outer.run', { n: 2 })).job_id);
    assert.equal(outer.status, 'success');
    const inner = await ended((outer.result as JobView).job_id);
    assert.deepEqual([inner.status, inner.result, inner.metrics.attempts], ['success', 'inner', 2]);
  });

  it('with its own intent and inputs is its own job', async () => {
    hook.behaviours.set(
      '/same.run',
      relays('same.run', (inputs) => inputs),
    );
    const { job_id: id } = await ask('same.run', { n: 1 });
    const { status, result } = await ended(id);
    assert.deepEqual([status, (result as JobView).status, (result as JobView).job_id], ['success', 'accepted', id]);
    assert.equal(hook.callsOf('/same.run').length, 1);
  });

  it('with its own intent and other inputs makes a job that waits its turn', async () => {
    hook.behaviours.set('/deep.run', async (call, response) => {
      const depth = Number(call.body.inputs.depth);
      const answer = depth === 0 ? 'bottom' : (await ask('deep.run', { depth: depth - 1 })).job_id;
      response.writeHead(200).end(JSON.stringify(answer));
    });
    let { result } = await ended((await ask('deep.run', { depth: 3 })).job_id);
    for (let depth = 3; depth > 0; depth -= 1) ({ result } = await ended(String(result)));
    assert.equal(result, 'bottom');
  });

  it('and waits for a job that waits for it comes to its time limit, and lets that go on', async () => {
    let inner = '';
    hook.behaviours.set('/waits.run', async (call, response) => {
      if (call.body.inputs.inner === true) return answers(200, '"went on"')(call, response);
      inner = (await ask('waits.run', { inner: true })).job_id;
      while (!response.destroyed && (await job(inner)).status !== 'success') await pause(50);
      response.writeHead(200).end();
    });
    const outer = await ended((await ask('waits.run')).job_id);
    assert.deepEqual([outer.status, outer.error?.code, outer.metrics.attempts], ['error', 'attempts_exhausted', 3]);
    const view = await ended(inner);
    assert.deepEqual([view.status, view.result], ['success', 'went on']);
  });

  for (const path of ['orchestrate', 'dispatch', 'callbacks-ingest', 'submit-task']) {
    it(`is refused when its webhook is our own /${path}: what a flow is sent is nothing that we take`, async () => {
      const view = await ended((await ask(`own.${path}`)).job_id);
      assert.deepEqual([view.status, view.error?.code, view.metrics.attempts], ['error', 'flow_refused', 1]);
    });
  }

  it('at an address of ours is no flow that a tenant can set', async () => {
    for (const url of Object.values(stack.local.functionUrls)) {
      const reply = await stack.put<Refusal>('/intents/own.loop', { mode: 'flow', target: `${url}/orchestrate` });
      assert.deepEqual([reply.status, reply.body.errors?.[0]?.code], [422, 'egress_denied'], url);
    }
  });
});
