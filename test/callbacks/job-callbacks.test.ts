import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { Webhook } from 'standardwebhooks';
import type { JobView } from '../dispatch/orchestrate/jobs.ts';
import { bodyHmac } from '../dispatch/orchestrate/late-answers.ts';
import { until } from '../support/folder.ts';
import { httpListener, type Listener, type Received } from '../support/http-listener.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';
import { push } from '../support/stack-push.ts';
import { answers, type Behaviour, type WebhookServer, webhookServer } from '../support/webhook-server.ts';

describe('the callback of a job', function () {
  this.timeout(30_000);
  let stack: EmbeddedTestStack;
  let hook: WebhookServer;
  let receiver: Listener;
  let key: string;
  before(async () => {
    receiver = await httpListener();
    hook = await webhookServer();
    stack = await embeddedStack({
      'times.orchestrateWaitMs': 300,
      'times.backoffMinimumMs': 50,
      'times.backoffMaximumMs': 100,
      'times.republishMs': 30_000,
      intents: [{ name: 'called.run', mode: 'flow', target: `${hook.url}/called` }],
    });
    key = String((await stack.get<{ keys: string[] }>('/callbacks/key')).body.keys[0]);
  });
  after(async () => {
    await stack?.stop();
    await hook?.close();
    await receiver.close();
  });
  beforeEach(() => {
    receiver.answer = () => ({ status: 204 });
  });

  const received = (path: string): Received[] => receiver.received.filter((one) => one.path === path);
  const verified = ({ body, headers }: Received): JobView =>
    new Webhook(key).verify(body, headers as Record<string, string>) as JobView;
  const job = async (id: string) => (await stack.get<JobView>(`/jobs/${id}`)).body;
  async function asked(path: string, behaviour: Behaviour): Promise<string> {
    hook.behaviours.set('/called', behaviour);
    const body = { intent: 'called.run', inputs: { path }, callback_url: receiver.url + path };
    const reply = await stack.post<JobView>('/orchestrate', body);
    assert.equal(reply.body.callback_url, body.callback_url);
    return reply.body.job_id;
  }
  const last = (view: { timeline: readonly { event: string }[] }): string | undefined => view.timeline.at(-1)?.event;
  const told = (id: string) => stack.reaches(id.slice(4), (view) => /^callback_/.test(String(last(view))), 15_000);

  const rows: [name: string, behaviour: Behaviour, status: string][] = [
    ['a success', answers(200, '{"processed":15}', { 'content-type': 'application/json' }), 'success'],
    ['an error', answers(400), 'error'],
    ['attempts that all failed', answers(500), 'error'],
  ];
  for (const [name, behaviour, status] of rows) {
    it(`tells of ${name} once, signed, with the document of the job`, async () => {
      const path = `/${name.replaceAll(' ', '-')}`;
      const id = await asked(path, behaviour);
      assert.equal(last(await told(id)), 'callback_delivered');
      await pause(300);
      const [one, ...others] = received(path);
      assert.ok(one);
      assert.deepEqual(others, []);
      const { logs, ...document } = verified(one);
      const { logs: later, ...view } = await job(id);
      assert.equal(view.status, status);
      assert.deepEqual(document, view);
      assert.deepEqual(later.slice(0, -1), logs);
      assert.equal(`job_${one.headers['webhook-id']}`, id);
      assert.throws(() => new Webhook(key).verify(one.body.replace(status, 'other'), one.headers as Record<string, string>));
    });
  }

  it('is tried again under one id, and told once though its message comes again', async () => {
    receiver.answer = () => ({ status: received('/retried').length < 4 ? 500 : 200 });
    const id = await asked('/retried', answers(200));
    assert.equal(last(await told(id)), 'callback_delivered');
    const data = JSON.stringify({ taskId: id.slice(4), redrives: 0 });
    const attributes = { signature: stack.signing.message(data) };
    assert.equal(await push(stack, 'callbacks', '/pubsub/callbacks', { data, attributes }), 204);
    const tries = received('/retried');
    assert.deepEqual([tries.length, new Set(tries.map(({ headers }) => headers['webhook-id'])).size], [4, 1]);
    for (const one of tries) assert.equal(verified(one).job_id, id);
  });

  it('that nobody takes is given up after 20 tries, and says so in the logs of its job', async () => {
    receiver.answer = () => ({ status: 500 });
    const id = await asked('/dead', answers(200));
    assert.equal(last(await told(id)), 'callback_failed');
    assert.equal(received('/dead').length, 20);
    const { status, logs } = await job(id);
    assert.deepEqual([status, logs.at(-1)?.message], ['success', 'callback_failed']);
  });

  it('of a job that ends by the late answer of its flow comes once, though that comes three times', async () => {
    const id = await asked('/late', answers(202));
    const { keys } = (await stack.get<{ keys: string[] }>('/callbacks/key?intent=called.run')).body;
    const body = JSON.stringify({ job_id: id, status: 'success', result: 'late' });
    await until(async () => last((await stack.get(`/task/${id.slice(4)}`)).body) === 'parked');
    for (let times = 0; times < 3; times += 1) {
      assert.equal((await stack.post('/callbacks/ingest', body, bodyHmac(body, String(keys[0])))).status, 200);
    }
    await told(id);
    await pause(500);
    assert.equal(received('/late').length, 1);
    assert.equal(verified(received('/late')[0] as Received).result, 'late');
  });
});
