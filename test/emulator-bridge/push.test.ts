import assert from 'node:assert/strict';
import { createServer as createHttp, type IncomingHttpHeaders } from 'node:http';
import { createServer, type Socket } from 'node:net';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { startIssuer } from '../../emulator-bridge/issuer.ts';
import { listenLoopback } from '../../emulator-bridge/loopback.ts';
import { type Push, type PushOptions, startPush } from '../../emulator-bridge/push.ts';
import { httpTransport } from '../../emulator-bridge/push-http.ts';
import { until } from '../support/folder.ts';
import { answering, type FakeSource, fakeSource, quiet, type Receiver } from './kit.ts';

describe('push delivery', () => {
  const release: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const each of release.splice(0).reverse()) await each();
  });

  function push(endpoint: string, more: Partial<PushOptions> = {}): { source: FakeSource; push: Push } {
    const source = fakeSource();
    const started = startPush({
      source,
      subscription: 'sub-light',
      project: 'p-local',
      transport: httpTransport(endpoint, more.concurrency ?? 16),
      token: async () => 'a.b.c',
      ackDeadlineSeconds: 10,
      countsAttempts: true,
      concurrency: 16,
      log: quiet,
      ...more,
    });
    release.push(() => started.stop(0));
    return { source, push: started };
  }

  async function receiving(answer: Parameters<typeof answering>[0]): Promise<Receiver> {
    const started = await answering(answer);
    release.push(started.close);
    return started;
  }

  const envelopes: [string, { data?: string; attributes?: Record<string, string>; attempt?: number }, boolean, unknown][] = [
    [
      'with attributes and a dead-letter policy',
      { data: '{"a":"ü"}', attributes: { agent: 'light', quote: '"' }, attempt: 3 },
      true,
      {
        deliveryAttempt: 3,
        message: {
          attributes: { agent: 'light', quote: '"' },
          data: Buffer.from('{"a":"ü"}').toString('base64'),
          messageId: '1',
          message_id: '1',
          publishTime: '2026-01-02T03:04:05.678Z',
          publish_time: '2026-01-02T03:04:05.678Z',
        },
        subscription: 'projects/p-local/subscriptions/sub-light',
      },
    ],
    [
      'bare',
      { data: '' },
      false,
      {
        message: {
          data: '',
          messageId: '1',
          message_id: '1',
          publishTime: '2026-01-02T03:04:05.678Z',
          publish_time: '2026-01-02T03:04:05.678Z',
        },
        subscription: 'projects/p-local/subscriptions/sub-light',
      },
    ],
  ];
  for (const [name, message, countsAttempts, expected] of envelopes) {
    it(`wraps a message ${name}`, async () => {
      let seen: { body: string; headers: IncomingHttpHeaders; url: string | undefined } | undefined;
      const target = await receiving((body, { headers, url }) => {
        seen = { body, headers, url };
        return 204;
      });
      const { source } = push(`${target.url}/pubsub/push?x=1`, { countsAttempts });
      source.offer(message);
      await source.settled();
      assert.deepEqual(JSON.parse(seen?.body ?? ''), expected);
      assert.equal(seen?.url, '/pubsub/push?x=1');
      assert.equal(seen?.headers['content-type'], 'application/json');
      assert.equal(seen?.headers.authorization, 'Bearer a.b.c');
      assert.equal(Number(seen?.headers['content-length']), Buffer.byteLength(seen?.body ?? ''));
    });
  }

  it('presents a token that verifies against the published keys', async () => {
    const issuer = await startIssuer({ project: 'p-local', projectNumber: '7' });
    release.push(issuer.close);
    let bearer = '';
    const target = await receiving((_body, { headers }) => {
      bearer = headers.authorization?.slice(7) ?? '';
      return 200;
    });
    const audience = `${target.url}/pubsub/push`;
    const { source } = push(audience, { token: () => issuer.token({ email: 'push@p.iam.gserviceaccount.com', audience }) });
    source.offer({});
    await source.settled();
    const { payload } = await jwtVerify(bearer, createRemoteJWKSet(new URL(issuer.jwksUrl)), {
      issuer: issuer.url,
      audience,
      algorithms: ['RS256'],
    });
    assert.equal(payload.email, 'push@p.iam.gserviceaccount.com');
  });

  const statuses: [number, boolean][] = [
    [200, true],
    [201, true],
    [202, true],
    [204, true],
    [203, false],
    [205, false],
    [206, false],
    [301, false],
    [304, false],
    [400, false],
    [401, false],
    [404, false],
    [408, false],
    [429, false],
    [500, false],
    [503, false],
  ];
  for (const [status, acknowledges] of statuses) {
    it(`${acknowledges ? 'acknowledges' : 'does not acknowledge'} on ${status}`, async () => {
      const target = await receiving(() => status);
      const { source } = push(target.url);
      source.offer({});
      await source.settled();
      assert.deepEqual([source.acked.length, source.nacked.length], acknowledges ? [1, 0] : [0, 1]);
    });
  }

  it('acknowledges on 102, however the request goes on', async () => {
    const server = createHttp((request, response) => {
      request.resume();
      response.writeProcessing();
    });
    const port = await listenLoopback(server, 0);
    release.push(async () => {
      server.closeAllConnections();
      server.close();
    });
    const { source } = push(`http://127.0.0.1:${port}/`);
    source.offer({});
    await source.settled();
    assert.deepEqual(source.acked, ['1']);
  });

  it('does not acknowledge what is not answered within the ack deadline, and cuts the request', async () => {
    let cut = false;
    const target = await receiving(
      (_body, request) =>
        new Promise(() => {
          request.socket.once('close', () => {
            cut = true;
          });
        }),
    );
    const { source, push: started } = push(target.url, { ackDeadlineSeconds: 0.1 });
    source.offer({});
    await source.settled();
    assert.deepEqual(source.nacked, ['1']);
    await until(() => cut);
    assert.ok(started.counters().latencyMaximumMs >= 90);
  });

  it('does not acknowledge when nobody listens or the connection breaks', async () => {
    const breaker = createServer((socket: Socket) => socket.destroy());
    await new Promise<void>((resolve) => breaker.listen(0, '127.0.0.1', resolve));
    const { port } = breaker.address() as { port: number };
    const { source } = push(`http://127.0.0.1:${port}/`);
    source.offer({});
    await source.settled();
    await new Promise((resolve) => breaker.close(resolve));
    source.offer({});
    await source.settled();
    assert.deepEqual([source.acked.length, source.nacked.length], [0, 2]);
  });

  it('starts slowly, widens with success, narrows with failure, and never passes its limit', async () => {
    let status = 200;
    let now = 0;
    let most = 0;
    const target = await receiving(async () => {
      now += 1;
      most = Math.max(most, now);
      await new Promise((resolve) => setTimeout(resolve, 5));
      now -= 1;
      return status;
    });
    const { source, push: started } = push(target.url, { concurrency: 32 });
    for (let i = 0; i < 30; i += 1) source.offer({});
    assert.equal(started.counters().inFlight, 4);
    await source.settled();
    assert.ok(most > 4 && most <= 32, `${most}`);
    for (let i = 0; i < 300; i += 1) source.offer({});
    await source.settled();
    assert.equal(started.counters().window, 32);
    assert.ok(most <= 32);
    status = 500;
    for (let i = 0; i < 300; i += 1) source.offer({});
    await source.settled();
    assert.ok(started.counters().window <= 2, `${started.counters().window}`);
    const { delivered, acked, nacked } = started.counters();
    assert.deepEqual([delivered, acked, nacked], [630, 330, 300]);
  });

  it('stops without answering for what it cut', async () => {
    const target = await receiving(() => new Promise(() => {}));
    const { source, push: started } = push(target.url);
    for (let i = 0; i < 20; i += 1) source.offer({});
    await until(() => started.counters().inFlight === 4);
    await started.stop(20);
    assert.deepEqual([source.acked.length, source.nacked.length], [0, 0]);
  });
});
