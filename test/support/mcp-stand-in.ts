/**
 * An MCP server over its input and output that does what no honest one does: dies, hangs, floods. Appends each message that it
 * hears to the file that RECORD names, behind its own process id.
 */

import { appendFileSync, existsSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';

const RECORD = process.env.RECORD ?? '/dev/null';

interface Message {
  readonly id?: number;
  readonly method: string;
  readonly params?: {
    readonly name?: string;
    readonly arguments?: Record<string, unknown>;
    readonly protocolVersion?: string;
    readonly _meta?: { readonly progressToken?: number };
  };
}

const inputSchema = {
  type: 'object',
  properties: { ms: { type: 'integer', maximum: 60_000 }, file: { type: 'string' } },
  additionalProperties: false,
};
const names = ['pid', 'hang', 'die', 'die-once', 'fail', 'wait', 'flood', 'large', 'stay', 'wipe', 'exotic'];
let more: string[] = [];

const send = (message: object) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
const text = (said: string) => ({ content: [{ type: 'text', text: said }] });

async function call(name: string, { params }: Message): Promise<object | undefined> {
  const { ms = 100, file } = (params?.arguments ?? {}) as { ms?: number; file?: string };
  const progressToken = params?._meta?.progressToken;
  switch (name) {
    case 'hang':
      return undefined;
    case 'die':
      process.exit(3);
      break;
    case 'die-once':
      if (existsSync(file as string)) return text('there again');
      writeFileSync(file as string, '');
      process.exit(3);
      break;
    case 'fail':
      return { ...text('the disk is full'), isError: true };
    case 'wait':
      await pause(ms);
      return text(String(process.pid));
    case 'flood':
      for (let progress = 1; progress <= 500; progress += 1)
        send({ method: 'notifications/progress', params: { progressToken, progress, message: 'é'.repeat(2_000) } });
      return text('told');
    case 'large':
      return text('x'.repeat(600_000));
    case 'stay':
      // Neither the end of its input nor SIGTERM ends it.
      process.on('SIGTERM', () => {});
      setInterval(() => {}, 1_000);
      return text(String(process.pid));
    case 'exotic':
      return text('exotic');
    case 'grow':
      more = ['grown'];
      send({ method: 'notifications/tools/list_changed' });
      return text('grown');
  }
  return text(String(process.pid));
}

async function answer(message: Message): Promise<object | undefined> {
  const { method, params } = message;
  if (method === 'initialize')
    return {
      protocolVersion: params?.protocolVersion,
      capabilities: { tools: { listChanged: true } },
      serverInfo: { name: 'stand-in', version: '1' },
    };
  if (method === 'tools/list') {
    const tools = [...names, 'grow', ...more].map((name) => ({ name, inputSchema }));
    return { tools: tools.map((tool) => (tool.name === 'exotic' ? { ...tool, inputSchema: EXOTIC } : tool)) };
  }
  return method === 'tools/call' ? call(params?.name ?? '', message) : {};
}

/** Which the check before the call cannot make sense of. */
const EXOTIC = { type: 'object', properties: { a: { type: 'colour' } } };

console.error('the stand-in starts');
process.stdout.write('this line is no message\n');
for await (const line of createInterface({ input: process.stdin })) {
  appendFileSync(RECORD, `${process.pid} ${line}\n`);
  const message = JSON.parse(line) as Message;
  if (message.id === undefined) continue;
  answer(message).then((result) => result && send({ id: message.id, result }));
}
