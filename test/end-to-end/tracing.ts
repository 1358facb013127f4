/** One trace from the client to the callback, over every message in between. */

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { until } from '../support/folder.ts';
import type { Listener } from '../support/http-listener.ts';
import type { TestStack, View } from '../support/stack.ts';
import { traced } from '../support/stack-push.ts';

/** A message as it was published. */
export interface Published {
  readonly topic: string;
  readonly attributes: Readonly<Record<string, string>>;
}

const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-0([01])$/;
/** Where the trace of a task in mode pubsub is seen beside its callback. */
const PUBSUB = ['tasks', '/run', 'results', 'callbacks'];
const hex = (bytes: number): string => randomBytes(bytes).toString('hex');

/** The stack has the agent `remote` and the flow `traced.run` at `peer`, and gives all that was published. */
export function tracing(stackOf: () => TestStack, peerOf: () => Listener, publishedOf: () => readonly Published[]): void {
  /** Every `traceparent` that left since `since`, by where it went; each has a span of its own. */
  async function hops(path: string, from: { received: number; published: number }, topics: readonly string[]) {
    const seen = () => {
      const requests = peerOf().received.slice(from.received);
      const messages = publishedOf().slice(from.published);
      return [
        ...requests
          .filter((one) => [path, '/run', '/flow'].includes(one.path))
          .map((one) => [one.path, one.headers.traceparent] as const),
        ...messages.map(({ topic, attributes }) => [topic, attributes.traceparent] as const),
      ];
    };
    await until(() => [path, ...topics].every((where) => seen().some(([one]) => one === where)), 15_000);
    return seen();
  }
  /** What is published again comes late. */
  const earlier = new Set<string>();
  const now = () => ({ received: peerOf().received.length, published: publishedOf().length });

  async function followed(
    send: (headers: Record<string, string>, callbackUrl: string) => Promise<unknown>,
    header: string | undefined,
    topics: readonly string[],
  ) {
    const from = now();
    const path = `/callback-${hex(4)}`;
    await send(header === undefined ? {} : { traceparent: header }, peerOf().url + path);
    const seen = await hops(path, from, topics);
    const parsed = seen
      .map(([where, text]) => {
        const [, traceId = '', spanId, flag] = TRACEPARENT.exec(String(text)) ?? assert.fail(`${where}: ${text}`);
        return { traceId, spanId, flag };
      })
      .filter(({ traceId }) => !earlier.has(traceId));
    assert.equal(new Set(parsed.map(({ spanId }) => spanId)).size, parsed.length, 'each hop has a span of its own');
    assert.equal(new Set(parsed.map(({ traceId }) => traceId)).size, 1, 'one trace');
    const traceId = String(parsed[0]?.traceId);
    earlier.add(traceId);
    return { traceId, flags: new Set(parsed.map(({ flag }) => flag)) };
  }

  const dispatch = (packet: object) => (headers: Record<string, string>, callbackUrl: string) =>
    stackOf().dispatch({ agent: 'remote', callbackUrl, ...packet }, headers);
  const ways: readonly [string, (headers: Record<string, string>, callbackUrl: string) => Promise<unknown>, readonly string[]][] = [
    ['/dispatch in mode pubsub', dispatch({ mode: 'pubsub' }), PUBSUB],
    ['/dispatch in mode http', dispatch({ mode: 'http' }), ['/run', 'callbacks']],
    [
      '/submit-task',
      (headers, callbackUrl) =>
        stackOf().post('/submit-task', { system_name: 'remote', module_name: 'shop', task_type: 'analysis', callbackUrl }, headers),
      PUBSUB,
    ],
    [
      '/orchestrate',
      (headers, callback_url) =>
        stackOf().post('/orchestrate', { intent: 'traced.run', inputs: { n: hex(4) }, callback_url }, headers),
      ['callbacks', '/flow'],
    ],
  ];
  for (const [name, send, topics] of ways) {
    it(`is the client's from ${name} on, at whoever is asked, in every message and in the callback`, async () => {
      for (const flag of ['1', '0']) {
        const traceId = hex(16);
        const found = await followed(send, `00-${traceId}-${hex(8)}-0${flag}`, topics);
        assert.deepEqual([found.traceId, [...found.flags]], [traceId, [flag]]);
        const { body } = await stackOf().get<{ tasks: View[] }>(`/tasks?traceId=${traceId}`);
        assert.equal(body.tasks.length, 1);
      }
    });
  }

  it('is the task’s own trace id where that can be one, and else one made for it; the id by which it is listed stays', async () => {
    const traceId = hex(16);
    const own = await followed(dispatch({ mode: 'pubsub', traceId }), undefined, PUBSUB);
    assert.equal(own.traceId, traceId);
    for (const name of [`trace of mine ${hex(4)}`, '0'.repeat(32), hex(16).toUpperCase().replace(/^./, 'A')]) {
      const made = await followed(dispatch({ mode: 'pubsub', traceId: name }), undefined, PUBSUB);
      assert.notEqual(made.traceId, name.toLowerCase());
      const listed = await stackOf().get<{ tasks: View[] }>(`/tasks?traceId=${encodeURIComponent(name)}`);
      assert.ok(listed.body.tasks.length > 0);
    }
    const sent = hex(16);
    const both = await followed(dispatch({ mode: 'pubsub', traceId: 'theirs' }), `00-${sent}-${hex(8)}-01`, PUBSUB);
    assert.equal(both.traceId, sent);
    const listed = await stackOf().get<{ tasks: View[] }>('/tasks?traceId=theirs');
    assert.equal(listed.body.tasks.length, 1);
  });

  it('is not what a header says that is none: that reaches nobody, and a trace is made', async () => {
    const [traceId, spanId] = [hex(16).replace(/^./, 'a'), hex(8).replace(/^./, 'b')];
    const good = `00-${traceId}-${spanId}-01`;
    const hostile = [
      `01-${traceId}-${spanId}-01`,
      `ff-${traceId}-${spanId}-01`,
      `${good}-00`,
      good.toUpperCase(),
      `00-${'0'.repeat(32)}-${spanId}-01`,
      `00-${traceId}-${'0'.repeat(16)}-01`,
      `00-${traceId}-${spanId}`,
      `00-${traceId}${'a'.repeat(5_000)}-${spanId}-01`,
      `${good}, ${good}`,
      `${good};x`,
      `00-${traceId.slice(1)}-${spanId}-01`,
      `00-${traceId.slice(1)}g-${spanId}-01`,
    ];
    for (const header of hostile) {
      const found = await followed(dispatch({ mode: 'pubsub' }), header, PUBSUB);
      assert.notEqual(found.traceId.slice(0, 30), traceId.slice(0, 30), header.slice(0, 80));
    }
  });

  it('is taken over from what was published straight to the topic, unless it is hostile', async () => {
    const [traceId, other] = [hex(16), `straight ${hex(4)}`];
    for (const [traceparent, isTaken] of [
      [`00-${traceId}-${hex(8)}-01`, true],
      [`00-${traceId}-${hex(8)}-01\r\nx-forged: 1`, false],
      [`00-${traceId}-${hex(8)}-01\n`, false],
    ] as const) {
      const name = `${other} ${hex(4)}`;
      const from = peerOf().received.length;
      await stackOf().publish('tasks', { payload: {} }, { agent: 'remote', traceId: name, traceparent });
      assert.equal((await traced(stackOf(), encodeURIComponent(name))).status, 'succeeded');
      const [asked] = peerOf().received.slice(from);
      assert.equal(asked?.headers['x-forged'], undefined);
      assert.equal(TRACEPARENT.exec(String(asked?.headers.traceparent))?.[1] === traceId, isTaken);
    }
  });
}
