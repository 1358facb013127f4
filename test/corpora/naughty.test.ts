import assert from 'node:assert/strict';
import { Pool } from 'undici';
import { accountEmail } from '../../functions/core/addresses.ts';
import { keyedId } from '../../functions/core/create.ts';
import { until } from '../support/folder.ts';
import type { Refusal, View } from '../support/stack.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';
import { claimAsCodex, push } from '../support/stack-push.ts';
import { naughtyStrings } from './naughty-strings.ts';
import { problemSchema, taskSchema } from './response-schemas.ts';

type Answer = { readonly status: number; readonly body: View & Refusal & { tasks?: View[] } };

describe(`${naughtyStrings.length} naughty strings`, function () {
  this.timeout(30_000);
  let stack: EmbeddedTestStack;
  let pool: Pool;

  before(async () => {
    // Nothing is written but what the test asks for, and what is claimed by hand stays so.
    const slow = {
      'times.sweepMs': 600_000,
      'times.republishMs': 600_000,
      'times.leaseMarginMs': 60_000,
      'times.leaseMaximumMs': 60_000,
    };
    stack = await embeddedStack(slow);
    pool = new Pool(stack.url, { connections: 8 });
    // A tenant's first task makes a record of the tenant too.
    await stack.dispatch({});
  });
  after(async () => {
    await pool.destroy();
    await stack.stop();
  });

  /** The path goes out as it stands: `fetch` would resolve its dots. */
  async function ask(
    method: 'GET' | 'POST' | 'PUT',
    path: string,
    given?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const body = given === undefined ? null : JSON.stringify(given);
    const reply = await pool.request({
      method,
      path,
      body,
      headers: { ...(body ? { 'content-type': 'application/json' } : {}), ...headers },
    });
    const answered = (await reply.body.json()) as Answer['body'];
    if (reply.statusCode >= 400) problemSchema.parse(answered);
    return { status: reply.statusCode, body: answered };
  }

  /** Eight at a time. */
  async function each(texts: readonly string[], run: (text: string) => Promise<void>): Promise<void> {
    const waiting = texts.values();
    const worker = async () => {
      for (const text of waiting) await run(text);
    };
    await Promise.all(Array.from({ length: 8 }, worker));
  }

  /** Not to be run, so that each costs one write. */
  const later = () => ({ agent: 'light', payload: {}, notBefore: Date.now() / 1000 + 600 });
  const encoded = (text: string) => encodeURIComponent(text.toWellFormed());

  const FIELDS = ['agent', 'mode', 'idempotencyKey', 'traceId', 'sessionId', 'projectId', 'parentTaskId', 'callbackUrl'];
  for (const field of FIELDS) {
    it(`as ${field} come back as they were, or are refused by the field's name`, async () => {
      const { writes, publishes } = stack.counts;
      let accepted = 0;
      await each(naughtyStrings, async (text) => {
        const { status, body } = await ask('POST', '/dispatch', { ...later(), [field]: text });
        if (status === 202) {
          accepted += 1;
          assert.equal(body[field], text);
          const { body: read } = await ask('GET', `/task/${body.id}`);
          assert.deepEqual(read, body);
          taskSchema.parse(read);
        } else {
          assert.deepEqual(
            [status, body.errors?.map((one) => one.field)],
            [422, [field]],
            `${JSON.stringify(text)} ${JSON.stringify(body)}`,
          );
        }
      });
      assert.deepEqual([stack.counts.writes - writes, stack.counts.publishes - publishes], [accepted, 0]);
      if (['idempotencyKey', 'traceId', 'sessionId', 'projectId'].includes(field)) assert.ok(accepted > 200, `${accepted}`);
    });
  }

  it('as keys and values of payload, metadata and work come back as they were', async () => {
    await each(naughtyStrings, async (text) => {
      const inner = { [text]: [text, { [`${text} `]: text }] };
      const metadata = { text, inner: [inner] };
      const work = {
        module_name: text.slice(0, 500),
        philosophy_tags: [text.slice(0, 200)],
        backup_id: text.slice(0, 200),
        constraints: [inner],
      };
      const packet = { ...later(), payload: { ...metadata, text }, metadata, work };
      const { status, body } = await ask('POST', '/dispatch', packet);
      assert.equal(status, 202, JSON.stringify(body));
      const { body: read } = await ask('GET', `/task/${body.id}`);
      for (const view of [body, read]) assert.deepEqual([view.payload, view.metadata, view.work], [packet.payload, metadata, work]);
    });
  });

  it('as names of fields are refused by name', async () => {
    const { writes } = stack.counts;
    const known = ['agent', 'mode', 'payload', 'ttl', 'metadata', 'work', 'priority'];
    await each(
      naughtyStrings.filter((text) => !known.includes(text)),
      async (text) => {
        for (const [path, field] of [
          ['/dispatch', text],
          ['/task/x/redrive', text],
        ] as const) {
          // A computed key is a field of its own, also where it is called `__proto__`.
          const { status, body } = await ask('POST', path, path === '/dispatch' ? { ...later(), [text]: 1 } : { [text]: 1 });
          const named = body.errors?.map((one) => one.field);
          assert.deepEqual([status, named], [422, [field.slice(0, 100) || '(body)']], JSON.stringify(text));
        }
      },
    );
    assert.equal(stack.counts.writes, writes);
  });

  it('as traces and agents to list by find what was dispatched with them, and nothing else', async () => {
    await each(naughtyStrings, async (text) => {
      for (const field of ['traceId', 'trace', 'agent']) {
        const { status, body } = await ask('GET', `/tasks?limit=200&${field}=${encoded(text)}`);
        if (status === 422) {
          assert.deepEqual(
            body.errors?.map((one) => one.field),
            [field],
          );
        } else {
          const given = field === 'agent' ? 'agent' : 'traceId';
          assert.equal(status, 200);
          assert.ok(
            body.tasks?.every((task) => task[given] === text.toWellFormed()),
            JSON.stringify(text),
          );
        }
      }
    });
  });

  it('as other parameters are refused by name, or harmless', async () => {
    const { writes } = stack.counts;
    await each(naughtyStrings, async (text) => {
      for (const [path, field] of [
        ['/tasks', 'limit'],
        ['/tasks', 'cursor'],
        ['/tasks', 'status'],
        ['/task/none', 'waitSeconds'],
        ['/costs', 'from'],
        ['/costs', 'groupBy'],
        ['/costs', 'cursor'],
      ]) {
        const { status, body } = await ask('GET', `${path}?${field}=${encoded(text)}`);
        if (status === 422)
          assert.deepEqual(
            body.errors?.map((one) => one.field),
            [field],
            JSON.stringify(text),
          );
        else
          assert.ok(
            status === 200 || (path === '/task/none' && status === 404),
            `${path} ${field} ${JSON.stringify(text)} ${status}`,
          );
      }
      if (text === '' || ['status', 'agent', 'trace', 'traceId', 'limit', 'cursor'].includes(text)) return;
      const { status, body } = await ask('GET', `/tasks?${encoded(text)}=1`);
      const wanted = text.toWellFormed().slice(0, 100);
      assert.deepEqual([status, body.errors?.map((one) => one.field)], [422, [wanted]]);
    });
    assert.equal(stack.counts.writes, writes);
  });

  it('as ids in a path name no task and no budget, and change nothing', async () => {
    const email = accountEmail(stack.settings, 'codex');
    const token = await stack.local.issuer.token({ email, audience: stack.local.functionUrls.dispatch as string });
    const proof = { epoch: 1, outcomeToken: 'light.x' };
    const claim = { agent: 'codex', requestId: 'x'.repeat(16), quoteCents: 5, timeLimitMs: 1 };
    const before = { writes: stack.counts.writes, publishes: stack.counts.publishes };
    const taken = ['/', '//', '', '?', '#'];
    await each(
      naughtyStrings.filter((text) => !taken.includes(text) && text !== 'adopt'),
      async (text) => {
        const id = encoded(text);
        const answers = [
          await ask('GET', `/task/${id}`),
          await ask('GET', `/task-status/${id}`),
          await ask('GET', `/task/${id}/events`),
          await ask('POST', `/task/${id}/cancel`),
          await ask('POST', `/task/${id}/redrive`, {}),
          await ask('POST', `/task/${id}/claim`, claim, { authorization: `Bearer ${token}` }),
          await ask('GET', `/budgets/${id}`),
        ];
        if (text !== 'tenant' && text !== 'agent:light') answers.push(await ask('PUT', `/budgets/${id}`, { limitCents: 5 }));
        for (const [index, { status, body }] of answers.entries()) {
          assert.ok(status === 404 || status === 400, `${index} ${JSON.stringify(text)}: ${status} ${JSON.stringify(body)}`);
        }
        for (const path of [`/task/${id}/renew`, `/task-update/${id}`]) {
          const { status } = await ask('POST', path, path.endsWith('renew') ? proof : { ...proof, note: 'x' });
          assert.ok(status === 401 || status === 404 || status === 400, `${path}: ${status}`);
        }
      },
    );
    assert.deepEqual({ writes: stack.counts.writes, publishes: stack.counts.publishes }, before);
  });

  it('as proofs prove nothing', async () => {
    const { writes } = stack.counts;
    await each(naughtyStrings, async (text) => {
      const refusals = [
        await ask('POST', '/task-update/x', { epoch: 1, outcomeToken: text, note: 'x' }),
        await ask('POST', '/callbacks/ingest', { job_id: text, epoch: 1, outcomeToken: text, outcome: { status: 'succeeded' } }),
        await ask('POST', '/task/x/renew', { epoch: 1, outcomeToken: text }),
      ];
      for (const { status } of refusals) assert.ok(status === 401 || status === 422, `${status}`);
    });
    // What no header can carry, no client can send.
    const sendable = naughtyStrings.filter((text) => /^[\t\x20-\x7e\x80-\xff]*$/.test(text));
    await each(sendable, async (text) => {
      assert.equal((await ask('GET', '/tasks', undefined, { authorization: `Bearer ${text}` })).status, 401);
      const { status } = await ask('GET', '/tasks', undefined, { 'x-api-key': text });
      assert.ok(status === 401, `${status}`);
      assert.equal((await ask('POST', '/dispatch', later(), { 'content-type': text })).status, 415);
    });
    assert.equal(stack.counts.writes, writes);
  });

  it('as notes and reasons come back as they were, one event each', async () => {
    stack.fate = (topic) => (topic === 'tasks' ? 'lost' : 'out');
    const texts = naughtyStrings.filter((text) => Buffer.byteLength(JSON.stringify(text)) <= 1_024);
    for (let start = 0; start < texts.length; start += 150) {
      const some = texts.slice(start, start + 150);
      const { body } = await stack.dispatch({ agent: 'codex', mode: 'pubsub' });
      const { epoch, outcomeToken } = (await claimAsCodex(stack, body.id)).body.attempt;
      const events = fetch(`${stack.url}/task/${body.id}/events`).then((response) => response.text());
      const report = (part: object) => ask('POST', `/task-update/${body.id}`, { epoch, outcomeToken, ...part });
      for (const note of some) assert.equal((await report({ note })).status, 200, JSON.stringify(note));
      const error = { code: (some[0] ?? '').slice(0, 100) || 'x', message: some.join('\n').slice(0, 10_000) };
      assert.equal((await report({ outcome: { status: 'failed', error } })).status, 200);
      const view = await stack.ended(body.id);
      assert.deepEqual(view.error, error);
      const notes = (entries: readonly { event: string; note?: unknown }[]) =>
        entries.filter(({ event }) => event === 'progress').map(({ note }) => note);
      assert.deepEqual(notes(view.timeline), some);
      const frames = (await events)
        .split('\n\n')
        .slice(0, -1)
        .map((frame) => /^(?:id: \S+\n)?event: (\w+)\ndata: ([^\r\n]*)$/.exec(frame));
      assert.ok(
        frames.every((frame) => frame !== null),
        'a frame is broken',
      );
      const shown = frames.map((frame) => ({ event: frame?.[1] ?? '', note: JSON.parse(frame?.[2] ?? '').note as unknown }));
      assert.deepEqual(notes(shown), some);
      assert.equal(shown.at(-1)?.event, 'end');
    }
    stack.fate = () => 'out';
  });

  it('as attributes of a message make a task of them, or are set aside with them', async () => {
    let index = 0;
    const sent = new Map<string, [string, string]>();
    await each(naughtyStrings, async (text) => {
      for (const attribute of ['traceId', 'idempotencyKey', 'agent']) {
        const messageId = `attribute ${index++}`;
        sent.set(messageId, [attribute, text]);
        const message = {
          data: { payload: { n: 1 }, notBefore: Date.now() / 1000 + 600 },
          attributes: { [attribute]: text },
          messageId,
        };
        assert.equal(await push(stack, 'agent-light', '/pubsub/push', message), 204, JSON.stringify(text));
      }
    });
    const kept = new Map<string, unknown>();
    await until(async () => {
      for (const { data } of await stack.quarantined()) kept.set(String(data.messageId), data.attributes);
      return true;
    });
    for (const [messageId, [attribute, text]] of sent) {
      if (kept.has(messageId)) {
        assert.deepEqual(kept.get(messageId), { [attribute]: text });
        continue;
      }
      const isKey = attribute === 'idempotencyKey' && text !== '';
      const id = isKey ? keyedId('default', 'light', text) : keyedId('default', 'message', messageId);
      // Another agent's message is its own subscription's to deliver.
      if (attribute === 'agent' && text === 'codex') continue;
      const { status, body } = await ask('GET', `/task/${id}`);
      assert.equal(status, 200, `${attribute} ${JSON.stringify(text)}`);
      if (attribute !== 'agent' && text !== '') assert.equal(body[attribute], text);
    }
  });

  it('leave nothing behind on objects in general', () => assert.deepEqual(Object.keys(Object.prototype), []));
});
