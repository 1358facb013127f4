/**
 * The yardstick of the embedded runtime, as a process of its own: the same HTTP hops in one process, an RSA token checked on
 * each push, the same three document writes and the queue's, grouped into one commit and one sync, and nothing else. Run by
 * `npm run bench`; prints its address like `scripts/start.ts` does.
 */

import { createPublicKey, generateKeyPairSync, randomBytes, sign, verify } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Pool } from 'undici';
import { openDatabase } from '../../functions/adapters/sqlite-database.ts';

const database = openDatabase({ path: process.argv[2] ?? ':memory:' });
database.define(
  'CREATE TABLE tasks (id TEXT PRIMARY KEY, version INTEGER, data TEXT); CREATE TABLE queue (id INTEGER PRIMARY KEY, data TEXT)',
);
const insert = database.prepare('INSERT INTO tasks VALUES (?, 1, ?)');
const update = database.prepare('UPDATE tasks SET version = version + 1, data = ? WHERE id = ? AND version = ?');
const enqueue = database.prepare('INSERT INTO queue (data) VALUES (?)');
const dequeue = database.prepare('DELETE FROM queue WHERE id = ?');
const read = database.prepare('SELECT data FROM tasks WHERE id = ?');

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const key = createPublicKey(publicKey.export({ type: 'spki', format: 'pem' }));
const claims = Buffer.from('the claims of a token');
const token = sign('sha256', claims, privateKey).toString('base64url');
const waiting = new Map<string, (data: string) => void>();

const server = createServer(async (request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => answer(request, response, Buffer.concat(chunks).toString()));
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
const pool = new Pool(url, { connections: 64 });
console.log(`The bare trial is ready at ${url}`);
process.once('SIGINT', () => process.exit(0));

async function answer(request: IncomingMessage, response: ServerResponse, body: string): Promise<void> {
  if (request.url === '/dispatch') {
    const task = { ...(JSON.parse(body) as object), id: randomBytes(16).toString('hex'), status: 'queued' };
    await database.write(() => insert.run(task.id, JSON.stringify(task)));
    await publish('/tasks', task);
    return send(response, 202, task);
  }
  if (request.method === 'GET') {
    const id = (request.url ?? '').slice('/task/'.length).split('?', 1)[0] ?? '';
    const found = JSON.parse((read.get(id)?.data as string | undefined) ?? '{}') as { status?: string };
    if (found.status === 'succeeded') return send(response, 200, found);
    waiting.set(id, (data) => response.writeHead(200, { 'content-type': 'application/json' }).end(data));
    return;
  }
  if (!verify('sha256', claims, key, Buffer.from(request.headers.authorization ?? '', 'base64url'))) return send(response, 401, {});
  const { message } = JSON.parse(body) as { message: { data: string } };
  const task = JSON.parse(Buffer.from(message.data, 'base64').toString()) as { id: string; payload: unknown };
  if (request.url === '/tasks') {
    await write({ ...task, status: 'running' }, 1);
    await publish('/results', { ...task, status: 'succeeded', result: { echo: task.payload } });
  } else {
    await write(task, 2);
    waiting.get(task.id)?.(JSON.stringify(task));
    waiting.delete(task.id);
  }
  response.writeHead(204).end();
}

const write = (task: { readonly id: string; readonly status?: string }, version: number) =>
  database.write(() => update.run(JSON.stringify(task), task.id, version));

async function publish(path: string, task: object): Promise<void> {
  const data = JSON.stringify(task);
  const { lastInsertRowid } = await database.write(() => enqueue.run(data));
  const body = JSON.stringify({ message: { data: Buffer.from(data).toString('base64'), messageId: String(lastInsertRowid) } });
  pool.request({ path, method: 'POST', headers: { authorization: token }, body }).then(async (reply) => {
    await reply.body.dump();
    await database.writeLazily(() => void dequeue.run(lastInsertRowid));
  });
}

function send(response: ServerResponse, status: number, value: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}
