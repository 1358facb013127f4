/** Row O16: the events of a job. */

import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { until } from '../../support/folder.ts';
import type { TestStack } from '../../support/stack.ts';
import { answers, type WebhookServer } from '../../support/webhook-server.ts';
import type { JobView } from './jobs.ts';

interface Told {
  readonly id?: string;
  readonly event: string;
  readonly data: Record<string, unknown>;
  /** When it came. */
  readonly at: number;
}

const EVENTS = { accept: 'text/event-stream' };

/** The flow of these tests: an intent `told.run` whose webhook is at `/told`. */
export const toldIntent = (url: string) => ({ name: 'told.run', mode: 'flow', target: `${url}/told` });

export function jobEvents(stackOf: () => TestStack, hookOf: () => WebhookServer): void {
  let asked = 0;
  const body = (more: object = {}) => JSON.stringify({ intent: 'told.run', inputs: { asked: ++asked }, ...more });
  const post = (given: string, { signal, ...headers }: { accept?: string; signal?: AbortSignal } = EVENTS) =>
    fetch(`${stackOf().url}/orchestrate`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: given,
      ...(signal === undefined ? {} : { signal }),
    });
  const get = (id: string, headers: Record<string, string> = EVENTS) => fetch(`${stackOf().url}/jobs/${id}`, { headers });
  const job = async (id: string) => (await stackOf().get<JobView>(`/jobs/${id}`)).body;

  /** The events of a stream, as they come. */
  async function* events(response: Response): AsyncGenerator<Told> {
    assert.deepEqual([response.status, response.headers.get('content-type')], [200, 'text/event-stream; charset=utf-8']);
    let text = '';
    for await (const chunk of (response.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream())) {
      const blocks = (text + chunk).split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks.filter((one) => !one.startsWith(':'))) {
        const fields = Object.fromEntries(block.split('\n').map((line) => line.split(/: (.*)/s).slice(0, 2)));
        yield { ...fields, data: JSON.parse(fields.data), at: Date.now() } as Told;
      }
    }
    assert.equal(text, '');
  }
  async function all(response: Response): Promise<Told[]> {
    const told: Told[] = [];
    for await (const event of events(response)) told.push(event);
    return told;
  }
  const names = (told: readonly Told[]) => told.map(({ event }) => event);

  it('come while the job runs: its id at once, then each log, and at the end its document', async () => {
    hookOf().behaviours.set('/told', async (call, response) => {
      const { epoch, outcomeToken, job_id: id } = call.body;
      await pause(300);
      const noted = await stackOf().post(`/task-update/${id.slice(4)}`, { epoch, outcomeToken, note: 'half way' });
      assert.equal(noted.status, 200);
      await pause(300);
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"done":true}');
    });
    const told = await all(await post(body()));
    assert.deepEqual(names(told), ['job', 'queued', 'running', 'progress', 'succeeded', 'result']);
    const [first, , , progress, , result] = told as [Told, Told, Told, Told, Told, Told];
    const { job_id: id, ...rest } = first.data;
    assert.deepEqual(rest, { intent: 'told.run', mode: 'flow', message: 'mode flow, because nothing else fits' });
    assert.equal(progress.data.note, 'half way');
    assert.ok(result.at - first.at > 400, 'all came at the end');
    const view = await job(String(id));
    assert.deepEqual(result.data, view);
    assert.deepEqual(
      told.slice(1, -1).map(({ data }) => data),
      view.logs.slice(1),
    );
  });

  it('of a job that has ended are told at once, and behind Last-Event-ID only what is new', async () => {
    hookOf().behaviours.set('/told', answers(200, '"ok"'));
    const [first, ...told] = await all(await post(body()));
    const id = String(first?.data.job_id);
    const again = await all(await get(id));
    assert.deepEqual(names(again), ['job', 'queued', 'running', 'succeeded', 'result']);
    assert.deepEqual(again.at(-1)?.data, await job(id));
    const rest = await all(await get(id, { ...EVENTS, 'last-event-id': String(told[1]?.id) }));
    assert.deepEqual(names(rest), ['job', 'succeeded', 'result']);
    assert.deepEqual((await all(await get(id, { accept: 'text/event-stream;q=1, application/json' }))).at(-1)?.event, 'result');
  });

  it('of a repeat are those of the job that there is', async () => {
    hookOf().behaviours.set('/told', answers(200, '"once"'));
    const given = body();
    const first = await all(await post(given));
    const calls = hookOf().calls.length;
    const response = await post(given);
    assert.equal(response.headers.get('idempotent-replayed'), 'true');
    assert.deepEqual(
      (await all(response)).map(({ event, data }) => [event, data]),
      first.map(({ event, data }) => [event, data]),
    );
    assert.equal(hookOf().calls.length, calls);
  });

  it('of a job that fails end with its error', async () => {
    hookOf().behaviours.set('/told', answers(400));
    const told = await all(await post(body()));
    assert.deepEqual(names(told).slice(-2), ['failed', 'result']);
    const { error } = told.at(-1)?.data ?? {};
    assert.equal((error as { code?: unknown } | undefined)?.code, 'flow_refused');
  });

  it('hold a large result whole', async () => {
    const text = 'x'.repeat(600_000);
    hookOf().behaviours.set('/told', answers(200, text, { 'content-type': 'text/plain' }));
    assert.equal((await all(await post(body()))).at(-1)?.data.result, text);
  });

  it('are not what keeps the run going: it goes on when the listener leaves', async () => {
    hookOf().behaviours.set('/told', async (_call, response) => {
      await pause(1_000);
      response.writeHead(200).end('"alone"');
    });
    const gone = new AbortController();
    const response = await post(body(), { ...EVENTS, signal: gone.signal });
    const stream = events(response);
    const id = String((await stream.next()).value.data.job_id);
    await until(() => hookOf().calls.some((call) => call.body.job_id === id));
    gone.abort();
    await stackOf().ended(id.slice(4));
    const view = await job(id);
    assert.deepEqual([view.status, view.result, view.metrics.attempts], ['success', 'alone', 1]);
    assert.equal(hookOf().calls.filter((call) => call.body.job_id === id).length, 1);
  });

  it('come also of attempts that are made later', async () => {
    hookOf().behaviours.set('/told', (call, response) => response.writeHead(call.body.epoch === 1 ? 503 : 200).end());
    const told = await all(await post(body()));
    assert.deepEqual(names(told), ['job', 'queued', 'running', 'retry', 'running', 'succeeded', 'result']);
  });

  it('are not sent to who wants JSON, nor in the place of a refusal', async () => {
    hookOf().behaviours.set('/told', answers(200));
    for (const accept of ['application/json', '*/*', 'application/json, text/event-stream', 'text/html, */*, text/event-stream']) {
      const response = await post(body(), { accept });
      assert.match(String(response.headers.get('content-type')), /^application\/json/, accept);
      await response.json();
    }
    const rows: [Response, number, string][] = [
      [await post('{"intent":'), 400, 'invalid_json'],
      [await post('{"intent":"no.such"}'), 422, 'invalid_fields'],
      [await get('job_none'), 404, 'job_not_found'],
    ];
    for (const [response, status, code] of rows) {
      assert.deepEqual([response.status, ((await response.json()) as { code: string }).code], [status, code]);
    }
    const { id } = await stackOf().run({});
    assert.equal((await get(id)).status, 404, 'a task that was not orchestrated is no job');
  });
}
