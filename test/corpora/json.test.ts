import assert from 'node:assert/strict';
import { accountEmail } from '../../functions/core/addresses.ts';
import { keyedId } from '../../functions/core/create.ts';
import { httpListener, type Listener } from '../support/http-listener.ts';
import type { Refusal, View } from '../support/stack.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';
import { claimAsCodex, push, pushBytes } from '../support/stack-push.ts';
import { badTexts, deepText, goodTexts, NO_DOUBLES } from './json-texts.ts';
import { problemSchema } from './response-schemas.ts';

const around = (before: string, bytes: Buffer, after: string) => Buffer.concat([Buffer.from(before), bytes, Buffer.from(after)]);
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

describe('JSON at its edges', function () {
  this.timeout(30_000);
  let stack: EmbeddedTestStack;
  let codex: Record<string, string>;
  let remote: Listener;

  before(async () => {
    remote = await httpListener();
    const agents = [{ name: 'remote', endpoint: remote.url, priceCents: 3 }];
    // Nothing is written but what the test asks for, and what is claimed by hand stays so.
    const slow = {
      'times.sweepMs': 600_000,
      'times.republishMs': 600_000,
      'times.leaseMarginMs': 60_000,
      'times.leaseMaximumMs': 60_000,
    };
    stack = await embeddedStack({ agents, ...slow });
    const email = accountEmail(stack.settings, 'codex');
    const token = await stack.local.issuer.token({ email, audience: stack.local.functionUrls.dispatch as string });
    codex = { authorization: `Bearer ${token}` };
  });
  after(async () => {
    await stack.stop();
    await remote.close();
  });

  async function send<T = View>(path: string, body: Buffer<ArrayBuffer>, headers: Record<string, string> = {}) {
    const response = await fetch(stack.url + path, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json', ...headers },
    });
    return { status: response.status, body: (await response.json()) as T };
  }

  const written = () => ({ writes: stack.counts.writes, publishes: stack.counts.publishes });

  const PATHS = ['/dispatch', '/task/x/redrive', '/task/x/renew', '/task-update/x', '/callbacks/ingest', '/run'];
  const CODEX_PATHS = ['/task/x/claim', '/task/adopt'];
  for (const path of [...PATHS, ...CODEX_PATHS]) {
    it(`${path} refuses ${badTexts.length} texts that are none, as a whole, and writes nothing`, async () => {
      const before = written();
      for (const { name, bytes } of badTexts) {
        const { status, body } = await send<Refusal>(path, bytes, CODEX_PATHS.includes(path) ? codex : {});
        assert.deepEqual([status, body.code], [400, 'invalid_json'], name);
        problemSchema.parse(body);
      }
      assert.deepEqual(written(), before);
    });
  }

  for (const path of [...PATHS.slice(0, -1), ...CODEX_PATHS]) {
    it(`${path} says what is wrong with ${goodTexts.length} values that are no request, and writes nothing`, async () => {
      const before = written();
      for (const { name, bytes } of goodTexts) {
        const { status, body } = await send<Refusal>(path, bytes, CODEX_PATHS.includes(path) ? codex : {});
        assert.ok(status === 422 || (path === '/task/x/redrive' && status === 404) || status === 400, `${name}: ${status}`);
        problemSchema.parse(body);
      }
      assert.deepEqual(written(), before);
    });
  }

  it('refuses the same within a packet, and writes nothing', async () => {
    const before = written();
    for (const { name, bytes } of badTexts) {
      const { status, body } = await send<Refusal>('/dispatch', around('{"agent":"light","payload":{"v":', bytes, '}}'));
      assert.deepEqual([status, body.code], [400, 'invalid_json'], name);
    }
    assert.deepEqual(written(), before);
  });

  it('gives every value back as it was, from the payload, the result, the metadata and the list', async () => {
    for (const { name, bytes, value } of goodTexts) {
      const metadata = bytes.length < 16_000 ? around(',"metadata":{"v":', bytes, '}') : Buffer.alloc(0);
      const { status, body } = await send(
        '/dispatch',
        Buffer.concat([around('{"agent":"light","payload":{"v":', bytes, '}'), metadata, Buffer.from('}')]),
      );
      assert.equal(status, 200, `${name}: ${JSON.stringify(body).slice(0, 500)}`);
      const { body: read } = await stack.get(`/task/${body.id}`);
      const { body: list } = await stack.get<{ tasks: View[] }>(`/tasks?traceId=${body.traceId}`);
      for (const view of [body, read, list.tasks[0] as View]) {
        assert.deepEqual(view.payload, { v: value }, name);
        assert.deepEqual(view.result, { echo: { v: value } }, name);
        if (metadata.length > 0) assert.deepEqual(view.metadata, { v: value }, name);
      }
    }
  });

  it('takes a byte order mark in front, and only one', async () => {
    const packet = Buffer.from('{"agent":"light","payload":{"v":1}}');
    assert.equal((await send('/dispatch', Buffer.concat([BYTE_ORDER_MARK, packet]))).status, 200);
    const { status, body } = await send<Refusal>('/dispatch', Buffer.concat([BYTE_ORDER_MARK, BYTE_ORDER_MARK, packet]));
    assert.deepEqual([status, body.code], [400, 'invalid_json']);
  });

  for (const text of NO_DOUBLES) {
    it(`refuses a number that no double holds, naming the field: ${text.slice(0, 20)}`, async () => {
      const before = written();
      for (const field of ['payload', 'metadata', 'work']) {
        const value = field === 'work' ? `{"constraints":[[${text}]]}` : `{"a":[{"b":${text}}]}`;
        const packet = `{"agent":"light","payload":{},"${field}":${value}}`;
        const { status, body } = await send<Refusal>('/dispatch', Buffer.from(packet));
        assert.deepEqual([status, body.code, body.errors?.[0]?.field], [422, 'invalid_fields', field], JSON.stringify(body));
      }
      for (const field of ['ttl', 'ttlSeconds', 'budgetCents', 'maxAttempts', 'priority', 'notBefore']) {
        const { status, body } = await send<Refusal>('/dispatch', Buffer.from(`{"agent":"light","payload":{},"${field}":${text}}`));
        assert.deepEqual([status, body.code, body.errors?.[0]?.field], [422, 'invalid_fields', field], JSON.stringify(body));
      }
      assert.deepEqual(written(), before);
    });
  }

  it('refuses a depth that nothing could carry, naming the field', async () => {
    for (const levels of [101, 5_000, 400_000]) {
      for (const field of ['payload', 'metadata']) {
        const packet = `{"agent":"light","payload":{},"${field}":{"v":${deepText(levels)}}}`;
        const { status, body } = await send<Refusal>('/dispatch', Buffer.from(packet));
        assert.deepEqual([status, body.code, body.errors?.[0]?.field], [422, 'invalid_fields', field], `${levels}`);
      }
      const { status } = await send<Refusal>('/dispatch', Buffer.from(deepText(levels)));
      assert.equal(status, 422);
    }
  });

  it('refuses a prototype by name wherever it could be lost', async () => {
    for (const [packet, field] of [
      ['{"agent":"light","payload":{"__proto__":{"a":1}}}', 'payload'],
      ['{"agent":"light","payload":{},"__proto__":{"budgetCents":1}}', '__proto__'],
      ['{"agent":"light","payload":{},"work":{"__proto__":{"a":1}}}', 'work.__proto__'],
    ] as const) {
      const { status, body } = await send<Refusal>('/dispatch', Buffer.from(packet));
      assert.deepEqual([status, body.errors?.[0]?.field], [422, field], packet);
    }
    assert.equal(({} as { polluted?: boolean }).polluted, undefined);
  });

  /** A task of codex that this test has claimed, and what reports on it. */
  async function claimed() {
    stack.fate = (topic) => (topic === 'tasks' ? 'lost' : 'out');
    const { body } = await stack.dispatch({ agent: 'codex', mode: 'pubsub' });
    stack.fate = () => 'out';
    const { attempt } = (await claimAsCodex(stack, body.id)).body;
    const proof = `"epoch":${attempt.epoch},"outcomeToken":${JSON.stringify(attempt.outcomeToken)}`;
    return { id: body.id, proof };
  }

  it('gives every result back as it was reported', async () => {
    for (const { name, bytes, value } of goodTexts) {
      const { id, proof } = await claimed();
      const outcome = around(`{${proof},"outcome":{"status":"succeeded","result":`, bytes, '}}');
      const { status } = await send(`/task-update/${id}`, outcome);
      assert.equal(status, 200, name);
      assert.deepEqual((await stack.get(`/task/${id}`)).body.result, value, name);
    }
  });

  for (const [what, text] of [
    ['nests 201 levels deep', deepText(201)],
    ['nests 5,000 levels deep', deepText(5_000)],
    ['nests 400,000 levels deep', deepText(400_000)],
    ['has a number that no double holds', '[{"a":-1e999}]'],
  ] as const) {
    it(`refuses a result that ${what}, and the attempt may report another`, async () => {
      const { id, proof } = await claimed();
      const outcome = `"outcome":{"status":"succeeded","result":${text}}`;
      const reports = [
        [`/task-update/${id}`, `{${proof},${outcome}}`],
        ['/callbacks/ingest', `{"job_id":"${id}",${proof},${outcome}}`],
      ] as const;
      for (const [path, report] of reports) {
        const { status, body } = await send<Refusal>(path, Buffer.from(report));
        assert.deepEqual(
          [status, body.code, body.errors?.[0]?.field],
          [422, 'invalid_fields', 'outcome.result'],
          JSON.stringify(body),
        );
      }
      const message = `{"taskId":"${id}",${proof},${outcome}}`;
      assert.equal(await push(stack, 'results', '/pubsub/results', { data: message, messageId: `deep-${id}` }), 204);
      const kept = (await stack.quarantined()).find(({ data }) => data.messageId === `deep-${id}`);
      assert.equal(kept?.data.code, 'invalid_result');
      assert.equal((await stack.stored(id)).task.status, 'running');
      assert.equal(
        (await send(`/task-update/${id}`, Buffer.from(`{${proof},"outcome":{"status":"succeeded","result":1}}`))).status,
        200,
      );
      assert.equal((await stack.ended(id)).result, 1);
    });
  }

  for (const [what, text, code] of [
    ['nests 1,500 levels deep', deepText(1_500), 'invalid_reply'],
    ['nests 400,000 levels deep', deepText(400_000), 'invalid_reply'],
    ['has a number that no double holds', '{"status":"succeeded","result":[1e999]}', 'invalid_reply'],
    ['is no JSON', '{"status":', 'invalid_reply'],
    ['nests as deep as a result may', `{"status":"succeeded","result":${deepText(190)}}`, undefined],
  ] as const) {
    it(`an agent of the operator whose answer ${what} ${code === undefined ? 'succeeds' : 'fails its task, once'}`, async () => {
      remote.received.length = 0;
      remote.answer = () => ({ status: 200, body: text });
      for (const mode of ['http', 'pubsub']) {
        const view = await stack.ended((await stack.dispatch({ agent: 'remote', mode })).body.id);
        assert.deepEqual([view.status, view.error?.code], [code === undefined ? 'succeeded' : 'failed', code]);
      }
      assert.equal(remote.received.length, 2);
    });
  }

  it('a payload as deep as may be is echoed', async () => {
    const { status, body } = await send('/dispatch', Buffer.from(`{"agent":"light","payload":{"v":${deepText(99)}}}`));
    assert.deepEqual([status, body.status, body.result], [200, 'succeeded', { echo: body.payload }]);
  });

  describe('in messages', () => {
    const TOPICS: readonly [name: string, path: string, code: string][] = [
      ['agent-light', '/pubsub/push', 'invalid_json'],
      ['results', '/pubsub/results', 'invalid_json'],
      ['dead-letters', '/pubsub/dead-tasks', 'invalid_json'],
      ['dead-letters', '/pubsub/dead-results', 'invalid_json'],
      ['callbacks', '/pubsub/callbacks', 'invalid_callback'],
      ['dead-letters', '/pubsub/dead-callbacks', 'invalid_callback'],
    ];
    const tasks = async () => (await stack.get<{ tasks: View[] }>('/tasks?limit=1')).body.tasks[0]?.id;

    for (const [name, path, code] of TOPICS) {
      it(`${path} sets aside ${badTexts.length} texts that are none, and makes nothing of them`, async () => {
        const newest = await tasks();
        const ids = new Set(badTexts.map((_, index) => `${path} ${index}`));
        for (const [index, { name: what, bytes }] of badTexts.entries()) {
          assert.equal(await pushBytes(stack, name, path, bytes, `${path} ${index}`), 204, what);
        }
        const kept = (await stack.quarantined()).filter(({ data }) => ids.has(String(data.messageId)));
        assert.deepEqual([kept.length, new Set(kept.map(({ data }) => data.code))], [badTexts.length, new Set([code])]);
        assert.equal(await tasks(), newest);
      });

      it(`${path} answers for every value, and for a depth that nothing could carry`, async () => {
        const texts = [...goodTexts.map(({ bytes }) => bytes), ...[2_000, 400_000].map((levels) => Buffer.from(deepText(levels)))];
        for (const [index, bytes] of texts.entries()) {
          assert.equal(await pushBytes(stack, name, path, bytes, `${path} good ${index}`), 204, bytes.subarray(0, 100).toString());
        }
        for (const field of ['taskId', 'epoch', 'outcome', 'core', 'payload', 'agent', 'outcomeToken', 'version']) {
          const text = `{"taskId":"x","${field}":${deepText(200_000)}}`;
          assert.equal(await pushBytes(stack, name, path, Buffer.from(text), `${path} ${field}`), 204, field);
        }
      });

      it(`${path} takes an envelope that is none, once`, async () => {
        for (const { name: what, bytes } of badTexts.filter(({ bytes }) => bytes.length < 10_000)) {
          assert.equal(await pushBytes(stack, name, path, bytes), 204, what);
        }
      });
    }

    it('a task published straight gives every value back as it was', async () => {
      for (const [index, { name, bytes, value }] of goodTexts.entries()) {
        const messageId = `whole ${index}`;
        assert.equal(
          await pushBytes(stack, 'agent-light', '/pubsub/push', around('{"payload":{"v":', bytes, '}}'), messageId),
          204,
          name,
        );
        const view = await stack.ended(keyedId('default', 'message', messageId));
        assert.deepEqual([view.payload, view.result], [{ v: value }, { echo: { v: value } }], name);
      }
    });

    it('one with a number that no double holds is set aside', async () => {
      for (const [index, text] of NO_DOUBLES.entries()) {
        const messageId = `no double ${index}`;
        assert.equal(
          await pushBytes(stack, 'agent-light', '/pubsub/push', Buffer.from(`{"payload":{"v":${text}}}`), messageId),
          204,
        );
        const kept = (await stack.quarantined()).find(({ data }) => data.messageId === messageId);
        assert.equal(kept?.data.code, 'invalid_fields');
      }
    });
  });

  it('leaves nothing behind on objects in general', () => {
    assert.deepEqual(Object.keys(Object.prototype), []);
    assert.equal(({} as { polluted?: boolean }).polluted, undefined);
  });
});
