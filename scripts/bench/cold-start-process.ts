/** Starts an unpacked bundle in a process of its own, and times it to its first complete answer. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { freePorts, LOOPBACK } from '../../emulator-bridge/loopback.ts';

export interface FirstRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** What it has to be answered with. */
  readonly status: number;
}

const RETRY_MS = 1;
const LONGEST_MS = 30_000;

/** Milliseconds from the spawn to the end of the answer. The process gets no more of our environment than `environment`. */
export async function coldStartMs(
  folder: string,
  environment: Readonly<Record<string, string>>,
  first: FirstRequest,
): Promise<number> {
  const [port] = (await freePorts(1)) as [number];
  const started = performance.now();
  const child = spawn(process.execPath, ['index.mjs'], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...environment, NODE_ENV: 'production', PORT: String(port) },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  const ended = once(child, 'exit');
  try {
    const until = started + LONGEST_MS;
    const socket = await connected(port, () => child.exitCode === null && performance.now() < until);
    const { status, text } = await answered(socket, first);
    const ms = performance.now() - started;
    if (status !== first.status) throw new Error(`${first.method} ${first.path} was answered ${status}: ${text}`);
    return ms;
  } catch (cause) {
    throw new Error(`The function in ${folder} did not answer as it should.\n${output}`, { cause });
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
}

/** A bare connection attempt each millisecond is the least that looking takes from who is looked at. */
async function connected(port: number, goesOn: () => boolean): Promise<Socket> {
  while (goesOn()) {
    const socket = connect({ port, host: LOOPBACK, noDelay: true });
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
    if (isOpen) return socket;
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
  throw new Error('It does not listen.');
}

async function answered(socket: Socket, { method, path, headers, body }: FirstRequest): Promise<{ status: number; text: string }> {
  const length: Record<string, string> = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
  const sent = request({
    createConnection: () => socket,
    host: LOOPBACK,
    method,
    path,
    headers: { ...headers, ...length, connection: 'close' },
    signal: AbortSignal.timeout(LONGEST_MS),
  });
  sent.end(body);
  const [response] = await once(sent, 'response');
  let text = '';
  for await (const chunk of response) text += chunk;
  return { status: response.statusCode, text };
}
