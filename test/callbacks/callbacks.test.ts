import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { Webhook } from 'standardwebhooks';
import { until } from '../support/folder.ts';
import { httpListener, type Listener, type Received } from '../support/http-listener.ts';
import type { View } from '../support/stack.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';
import { push } from '../support/stack-push.ts';

describe('callbacks', function () {
  this.timeout(30_000);
  let stack: EmbeddedTestStack;
  let receiver: Listener;
  let key: string;
  before(async () => {
    receiver = await httpListener();
    stack = await embeddedStack({ 'times.backoffMinimumMs': 50, 'times.backoffMaximumMs': 100, 'times.republishMs': 30_000 });
    const { body } = await stack.get<{ keys: string[] }>('/callbacks/key');
    assert.equal(body.keys.length, 1);
    key = String(body.keys[0]);
  });
  after(async () => {
    await stack.stop();
    await receiver.close();
  });
  beforeEach(() => {
    receiver.received.length = 0;
    receiver.answer = () => ({ status: 204 });
  });

  const received = (path: string): Received[] => receiver.received.filter((one) => one.path === path);
  const headersOf = ({ headers }: Received) => headers as Record<string, string>;
  /** Dispatches with a callback and waits until it is known what became of it. */
  async function called(path: string, packet: object = {}): Promise<View> {
    const { body } = await stack.dispatch({ mode: 'pubsub', callbackUrl: receiver.url + path, ...packet });
    await stack.ended(body.id);
    return stack.reaches(body.id, ({ timeline }) => /^callback_/.test(String(timeline.at(-1)?.event)), 15_000);
  }

  const packets: [string, object, string][] = [
    ['a success', { payload: { c: 1 } }, 'succeeded'],
    ['a success in mode http', { mode: 'http' }, 'succeeded'],
    ['a success of codex', { agent: 'codex' }, 'succeeded'],
    ['a failure', { agent: 'codex', payload: { fail: 'terminal' } }, 'failed'],
    ['a death', { agent: 'codex', payload: { fail: 'retry' }, maxAttempts: 2 }, 'dead'],
    ['an expiry', { ttlSeconds: 0.000_001 }, 'expired'],
    ['a refusal by the budget', { budgetCents: 1 }, 'failed'],
  ];
  for (const [name, packet, status] of packets) {
    it(`tell of ${name}, once, with the task view, signed as Standard Webhooks`, async () => {
      const path = `/${name.replaceAll(' ', '-')}`;
      const view = await called(path, packet);
      assert.equal(view.timeline.at(-1)?.event, 'callback_delivered');
      const [one, ...others] = received(path);
      assert.ok(one);
      assert.deepEqual(others, []);
      const told = new Webhook(key).verify(one.body, headersOf(one)) as View;
      assert.deepEqual([told.id, told.status, told.costCents, told.result], [view.id, status, view.costCents, view.result]);
      assert.equal(one.headers['webhook-id'], view.id);
      assert.throws(() => new Webhook(key).verify(one.body.replace(status, 'other'), headersOf(one)));
    });
  }

  it('tell of a cancellation', async () => {
    const { body } = await stack.dispatch({ notBefore: Date.now() / 1000 + 60, callbackUrl: `${receiver.url}/cancelled` });
    await stack.post(`/task/${body.id}/cancel`, {});
    await until(() => received('/cancelled').length === 1);
  });

  it('are tried again with the same id and body, and a fresh time', async () => {
    receiver.answer = () => ({ status: receiver.received.length < 4 ? 500 : 200 });
    await stack.dispatch({ callbackUrl: `${receiver.url}/again` });
    await until(() => receiver.received.length >= 3);
    await pause(1_100);
    receiver.answer = () => ({ status: 200 });
    await until(() => received('/again').length >= 4);
    const tries = received('/again');
    assert.equal(new Set(tries.map(({ headers }) => headers['webhook-id'])).size, 1);
    for (const one of tries) {
      assert.equal((new Webhook(key).verify(one.body, headersOf(one)) as View).status, 'succeeded');
      assert.ok(Math.abs(Number(one.headers['webhook-timestamp']) - one.at / 1000) < 1.5);
    }
  });

  it('stop at 410', async () => {
    receiver.answer = () => ({ status: 410 });
    const view = await called('/gone');
    assert.deepEqual([view.timeline.at(-1)?.event, view.timeline.at(-1)?.reason], ['callback_failed', 'gone']);
    await pause(400);
    assert.equal(received('/gone').length, 1);
  });

  const failing: [string, number, Record<string, string>][] = [
    ['a redirect', 302, { location: '/followed' }],
    ['404', 404, {}],
    ['500', 500, {}],
  ];
  for (const [name, status, headers] of failing) {
    it(`fail for good after 20 tries that met ${name}`, async () => {
      receiver.answer = () => ({ status, headers });
      const path = `/${status}`;
      const view = await called(path);
      assert.equal(view.timeline.at(-1)?.event, 'callback_failed');
      assert.equal(view.status, 'succeeded');
      assert.equal(received(path).length, 20);
      assert.equal(received('/followed').length, 0);
    });
  }

  it('fail for a receiver that is not there, and leave the task as it is', async () => {
    const gone = await httpListener();
    await gone.close();
    const { body } = await stack.dispatch({ callbackUrl: `${gone.url}/x` });
    const view = await stack.reaches(body.id, ({ timeline }) => timeline.at(-1)?.event === 'callback_failed', 15_000);
    assert.equal(view.status, 'succeeded');
  });

  it('have another id after a redrive, one per end', async () => {
    const packet = { agent: 'codex', payload: { fail: 'retry' }, maxAttempts: 1 };
    const dead = await called('/redriven', packet);
    await stack.post(`/task/${dead.id}/redrive`, {});
    await until(() => received('/redriven').length === 2, 10_000);
    assert.deepEqual(
      received('/redriven').map(({ headers }) => headers['webhook-id']),
      [dead.id, `${dead.id}-1`],
    );
  });

  it('are delivered once when their message comes again', async () => {
    const view = await called('/twice');
    const data = JSON.stringify({ taskId: view.id, redrives: 0 });
    const attributes = { signature: stack.signing.message(data) };
    for (let n = 0; n < 3; n++) assert.equal(await push(stack, 'callbacks', '/pubsub/callbacks', { data, attributes }), 204);
    assert.equal(received('/twice').length, 1);
    assert.deepEqual((await stack.get(`/task/${view.id}`)).body, view);
  });

  it('are sent for no message that is not ours: it is quarantined', async () => {
    const { body } = await stack.dispatch({ payload: {} });
    for (const path of ['callbacks /pubsub/callbacks', 'dead-letters /pubsub/dead-callbacks']) {
      const [room, at] = path.split(' ') as [string, string];
      for (const data of [{ taskId: body.id, redrives: 0 }, 'no JSON', { url: 'https://evil.example' }]) {
        const messageId = `${room} ${JSON.stringify(data)}`;
        assert.equal(await push(stack, room, at, { data, messageId }), 204);
        const kept = (await stack.quarantined()).filter((document) => document.data.messageId === messageId);
        assert.deepEqual(
          kept.map((document) => document.data.code),
          ['invalid_callback'],
        );
      }
    }
    assert.deepEqual((await stack.get(`/task/${body.id}`)).body, body);
    assert.equal(receiver.received.length, 0);
  });
});
