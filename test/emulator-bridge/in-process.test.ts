import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type InProcessReply, requestInProcess } from '../../emulator-bridge/in-process-request.ts';
import { type PushOptions, startPush } from '../../emulator-bridge/push.ts';
import { inProcessTransport } from '../../emulator-bridge/push-in-process.ts';
import { systemClock } from '../../functions/adapters/clock.ts';
import { rawBody, room, send } from '../../functions/core/http.ts';
import type { Clock } from '../../functions/core/ports.ts';
import type { Room } from '../../functions/core/runtime.ts';
import { fakeSource, quiet } from './kit.ts';

describe('requests without a socket', () => {
  const served = room({ name: 'toy', version: '1', clock: systemClock(), log: quiet }, [], (router) => {
    router.post('/echo', async (request, response) => {
      const { type, ...headers } = request.headers;
      send(
        response,
        201,
        { url: request.url, headers, type, body: String(await rawBody(request)) },
        { 'x-more': 'ü'.length.toString() },
      );
    });
    router.get('/stream', (_request, response) => {
      response.writeHead(200, 'Fine', { 'content-type': 'text/plain' });
      response.write('one ');
      response.write(Buffer.from('two '));
      response.end('three');
    });
    router.post('/broken', (_request, response) => void response.destroy());
  });
  const call = (method: string, path: string, body?: string): Promise<InProcessReply | undefined> =>
    new Promise((resolve) => requestInProcess(served, { method, path, headers: { host: 'toy', 'x-given': 'yes' }, body }, resolve));

  it('bring method, path, headers and body, and take status, headers and body back', async () => {
    const reply = await call('POST', '/echo?a=1', '{"ü":1}');
    assert.equal(reply?.status, 201);
    assert.equal(reply?.headers['x-more'], '1');
    assert.equal(reply?.headers['content-type'], 'application/json; charset=utf-8');
    assert.deepEqual(JSON.parse(String(reply?.body)), {
      url: '/echo?a=1',
      headers: { host: 'toy', 'x-given': 'yes', 'content-length': '8' },
      body: '{"ü":1}',
    });
  });

  it('take an answer that is written in pieces as a whole', async () => {
    const reply = await call('GET', '/stream');
    assert.deepEqual([reply?.status, String(reply?.body), reply?.headers['content-type']], [200, 'one two three', 'text/plain']);
  });

  it('get a problem document for what nothing serves', async () => {
    const reply = await call('GET', '/nowhere');
    assert.equal(reply?.status, 404);
    assert.equal(JSON.parse(String(reply?.body)).code, 'not_found');
  });

  it('say that an answer broke off', async () => {
    assert.equal(await call('POST', '/broken'), undefined);
  });

  it('tell the room of a caller that has gone, and the caller nothing more', async () => {
    let closed = 0;
    let answered = 0;
    let respond = () => {};
    const slow: Room = (_request, response) => {
      response.on('close', () => {
        closed += 1;
      });
      respond = () => void response.writeHead(200).end();
    };
    const cut = requestInProcess(slow, { method: 'GET', path: '/', headers: {} }, () => {
      answered += 1;
    });
    cut();
    await null;
    respond();
    cut();
    await null;
    assert.deepEqual([closed, answered], [1, 0]);
  });
});

describe('push delivery without a socket', () => {
  let limits: (() => void)[];
  let cancelled: number;
  const clock: Pick<Clock, 'after'> = {
    after(_ms, run) {
      limits.push(run);
      return () => {
        cancelled += 1;
      };
    },
  };
  beforeEach(() => {
    limits = [];
    cancelled = 0;
  });

  function push(served: Room, more: Partial<PushOptions> = {}) {
    const source = fakeSource();
    const started = startPush({
      source,
      subscription: 'sub-light',
      project: 'p-local',
      transport: inProcessTransport('http://127.0.0.1:9/pubsub/push?x=1', served, clock),
      token: async () => 'a.b.c',
      ackDeadlineSeconds: 10,
      countsAttempts: true,
      concurrency: 16,
      log: quiet,
      ...more,
    });
    return { source, push: started };
  }
  const answers =
    (status: number): Room =>
    (_request, response) =>
      void response.writeHead(status).end();

  it('sends what a push by HTTP sends', async () => {
    let seen: { request: IncomingMessage; body: string } | undefined;
    const { source } = push(async (request: IncomingMessage, response: ServerResponse) => {
      seen = { request, body: String(await rawBody(request)) };
      response.writeHead(204).end();
    });
    source.offer({ data: '{"a":"ü"}', attributes: { agent: 'light' }, attempt: 3 });
    await source.settled();
    const { request, body } = seen as NonNullable<typeof seen>;
    assert.deepEqual([request.method, request.url], ['POST', '/pubsub/push?x=1']);
    assert.deepEqual(request.headers, {
      host: '127.0.0.1:9',
      authorization: 'Bearer a.b.c',
      'content-type': 'application/json',
      accept: 'application/json',
      from: 'noreply@google.com',
      'user-agent': 'CloudPubSub-Google',
      'content-length': String(Buffer.byteLength(body)),
    });
    assert.deepEqual(request.headersDistinct.authorization, ['Bearer a.b.c']);
    assert.deepEqual(JSON.parse(body).message.attributes, { agent: 'light' });
    assert.equal(JSON.parse(body).deliveryAttempt, 3);
  });

  const statuses: [number, boolean][] = [
    [200, true],
    [202, true],
    [204, true],
    [203, false],
    [401, false],
    [500, false],
    [503, false],
  ];
  for (const [status, acknowledges] of statuses) {
    it(`${acknowledges ? 'acknowledges' : 'does not acknowledge'} on ${status}`, async () => {
      const { source } = push(answers(status));
      source.offer({});
      await source.settled();
      assert.deepEqual([source.acked.length, source.nacked.length], acknowledges ? [1, 0] : [0, 1]);
      assert.equal(cancelled, 1);
    });
  }

  it('does not acknowledge an answer that broke off', async () => {
    const { source } = push((_request, response) => void response.destroy());
    source.offer({});
    await source.settled();
    assert.deepEqual(source.nacked, ['1']);
  });

  it('does not acknowledge what is not answered within the ack deadline, and cuts the request', async () => {
    let cut = false;
    let respond = () => {};
    const { source } = push((_request, response) => {
      response.on('close', () => {
        cut = true;
      });
      respond = () => void response.writeHead(200).end();
    });
    source.offer({});
    await null;
    await null;
    limits[0]?.();
    await source.settled();
    respond();
    await null;
    assert.deepEqual([source.acked, source.nacked, cut], [[], ['1'], true]);
  });

  it('stops without answering for what it cut', async () => {
    const { source, push: started } = push(() => {});
    for (let i = 0; i < 20; i += 1) source.offer({});
    await null;
    await null;
    assert.equal(started.counters().inFlight, 4);
    await started.stop(20);
    assert.deepEqual([source.acked.length, source.nacked.length], [0, 0]);
    assert.equal(started.counters().inFlight, 0);
  });
});
