import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { closeServer } from '../../emulator-bridge/loopback.ts';
import { note } from '../../functions/core/lease.ts';
import { streamTask } from '../../functions/dispatch/event-stream.ts';
import { temporaryFolder, until } from '../support/folder.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';
import { answers, type WebhookServer, webhookServer } from '../support/webhook-server.ts';

/** Each is 1 KiB: together far more than a local socket holds. */
const NOTES = 700;

describe('an event stream whose reader does not read', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  const socketPath = join(folder.path, 'stream');
  let stack: EmbeddedTestStack;
  let hook: WebhookServer;
  let response: ServerResponse;
  // On a local socket, whose buffers are small and stay so.
  const server = createServer((request, given) => {
    response = given;
    const told = {
      entry: ({ event, note }: { event: string; note?: unknown }) => ({ event, note }),
      end: () => ['end', { told: true }] as const,
    };
    streamTask(stack.runtime('dispatch'), String(request.url).slice(1), told, request, given);
  });
  before(async () => {
    hook = await webhookServer();
    hook.behaviours.set('/parks', answers(202));
    stack = await embeddedStack({ intents: [{ name: 'parks.run', mode: 'flow', target: `${hook.url}/parks` }] });
    await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  });
  after(async () => {
    await closeServer(server);
    await stack.stop();
    await hook.close();
    folder.remove();
  });

  it('holds a little for him, however much happens, and tells him the end when he reads on', async () => {
    const { body } = await stack.post<{ job_id: string }>('/orchestrate', { intent: 'parks.run', inputs: {} });
    const id = body.job_id.slice('job_'.length);
    const reply = await new Promise<IncomingMessage>((resolve) => request({ socketPath, path: `/${id}` }, resolve).end());
    await until(() => response !== undefined);
    let most = 0;
    const runtime = stack.runtime('dispatch');
    for (let count = 0; count < NOTES; count += 1) {
      assert.equal((await note(runtime, id, 1, `${count} `.padEnd(1_000, 'x'))).kind, 'held');
      // Changes in quick succession are told as one.
      if (count % 50 === 0) await pause(20);
      most = Math.max(most, response.writableLength);
    }
    await until(() => response.writableNeedDrain);
    assert.ok(most < 100_000, `${most} bytes were held`);
    const { epoch, outcomeToken } = hook.callsOf('/parks')[0]?.body ?? {};
    await stack.post(`/task-update/${id}`, { epoch, outcomeToken, outcome: { status: 'succeeded' } });
    let text = '';
    for await (const chunk of reply.setEncoding('utf8')) text += chunk;
    const notes = [...text.matchAll(/"note":"(\d+) /g)].map(([, count]) => Number(count));
    assert.deepEqual([...new Set(notes)], notes, 'each is told once');
    assert.ok(notes.includes(0) && notes.includes(NOTES - 1));
    assert.match(text, /event: succeeded\n.*\n\nevent: end\ndata: \{"told":true\}\n\n$/);
  });
});
