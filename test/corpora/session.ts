/** Sends calls to a running Heliograph, with what earlier replies have shown put in, and judges each reply. */

import { setTimeout as pause } from 'node:timers/promises';
import { Pool } from 'undici';
import type { z } from 'zod';
import { accountEmail } from '../../functions/core/addresses.ts';
import type { TestStack } from '../support/stack.ts';
import { type Call, EARLIER, type Endpoint } from './calls.ts';
import { CODES, endFrameSchema, entrySchema, problemSchema, type TaskView } from './response-schemas.ts';

/** What proves an attempt. */
export interface Proof {
  readonly taskId: string;
  readonly epoch: number;
  readonly outcomeToken: string;
}

export interface Session {
  /** Sends a call and judges the reply; rejects with what is wrong and the request as a line for a shell. */
  send(call: Call): Promise<void>;
  /** What agents were given, to report on. */
  readonly proofs: Proof[];
  /** How often each endpoint gave which status and code. */
  readonly seen: Map<string, number>;
  close(): Promise<void>;
}

interface Request {
  readonly method: Endpoint['method'];
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

/** How long a stream of events is watched when its task does not end. */
const WATCH_MS = 25;
/** The answers above 499 that are meant: come again, the pause before the next attempt is not over; or the agent asks to be asked again. */
const MEANT_503: Readonly<Record<string, readonly string[]>> = { '/run': ['not_yet', 'agent_unreachable', 'asked_to_fail'] };

export async function openSession(stack: TestStack): Promise<Session> {
  const pool = new Pool(stack.url, { connections: 32 });
  const token = await stack.local.issuer.token({
    email: accountEmail(stack.settings, 'codex'),
    audience: stack.local.functionUrls.dispatch as string,
  });
  /** The states as last seen, oldest first. */
  const tasks = new Map<string, string>();
  const cursors: string[] = [];
  const proofs: Proof[] = [];
  const seen = new Map<string, number>();

  return {
    proofs,
    seen,
    close: () => pool.destroy(),
    async send(call) {
      const proof = call.proof === undefined ? undefined : proofs.at(-1 - (call.proof % Math.max(1, proofs.length)));
      const request = requestOf(call, proof);
      try {
        await exchange(call, request);
      } catch (error) {
        throw new Error(`${(error as Error).message}\n${asCurl(stack.url, request)}`, { cause: error });
      }
    },
  };

  function requestOf({ endpoint, id, cursor, query, body, headers }: Call, proof: Proof | undefined): Request {
    const given = proof?.taskId ?? (typeof id === 'number' ? taskOf(id, endpoint.prefers) : withEarlier(id));
    const path = endpoint.path.replace('{}', () => encodeURIComponent(String(given).toWellFormed() || 'none'));
    const parameters = Object.entries((query ?? {}) as object).filter(([, value]) => value !== undefined);
    if (cursor !== undefined && cursors.length > 0) parameters.push(['cursor', cursors[cursor % cursors.length]]);
    const search = new URLSearchParams(parameters.map(([key, value]): [string, string] => [key, text(value)])).toString();
    const proved = proof && typeof body === 'object' && body !== null ? { ...body, ...proofOf(endpoint, proof) } : body;
    const as: Record<string, string> = endpoint.as === 'codex' ? { authorization: `Bearer ${token}` } : {};
    return {
      method: endpoint.method,
      path: search === '' ? path : `${path}?${search}`,
      headers: { ...(endpoint.body ? { 'content-type': 'application/json' } : {}), ...as, ...headers },
      body: endpoint.body ? (JSON.stringify(proved, (_, value) => withEarlier(value)) ?? '') : undefined,
    };
  }

  function taskOf(n: number, preferred?: string): string {
    const all = [...tasks.keys()];
    const fitting = all.filter((id) => tasks.get(id) === preferred);
    const from = n % 2 === 0 && fitting.length > 0 ? fitting : all;
    return from.at(-1 - (n % Math.max(1, from.length))) ?? 'none';
  }

  function withEarlier<T>(value: T): T | string {
    if (typeof value !== 'string' || !value.includes(EARLIER)) return value;
    return value.replace(new RegExp(`${EARLIER}(\\d+)`), (_, n) => taskOf(Number(n)));
  }

  async function exchange({ endpoint }: Call, request: Request): Promise<void> {
    const isStream = Object.values(endpoint.answers).includes('events');
    const reply = await pool.request({ ...request, body: request.body ?? null, headersTimeout: 20_000, bodyTimeout: 20_000 });
    const { statusCode: status, headers } = reply;
    const type = String(headers['content-type']);
    const raw = isStream && status === 200 ? await frames(reply.body) : await reply.body.text();
    const answer = endpoint.answers[status];
    count(endpoint, status, status < 400 ? '' : (JSON.parse(raw) as { code: string }).code);
    if (status >= 400) judgeProblem(endpoint, status, type, headers, raw);
    else if (answer === undefined) throw new Error(`${status} is no answer of ${endpoint.path}: ${raw.slice(0, 500)}`);
    else if (answer === 'events') judgeEvents(type, raw);
    else judgeBody(request, answer, status, type, raw);
  }

  function count(endpoint: Endpoint, status: number, code: string): void {
    const key = `${endpoint.method} ${endpoint.path} ${status} ${code}`.trim();
    seen.set(key, (seen.get(key) ?? 0) + 1);
  }

  function judgeBody(request: Request, answer: z.ZodType, status: number, type: string, raw: string): void {
    if (type !== 'application/json; charset=utf-8') throw new Error(`answered ${type}`);
    const value = matched(answer, raw) as Partial<TaskView> & {
      tasks?: TaskView[];
      nextCursor?: string;
      attempt?: Proof;
      taskId?: string;
    };
    if (request.path === '/dispatch') judgeDispatch(request, status, value as TaskView);
    const shown = Array.isArray(value.tasks) ? value.tasks : value.timeline ? [value as TaskView] : [];
    for (const { id, status } of shown) remember(id, status);
    if (value.nextCursor !== undefined) cursors.push(value.nextCursor);
    if (value.attempt?.outcomeToken !== undefined) proofs.push(value.attempt);
  }

  function remember(id: string, status: string): void {
    tasks.set(id, status);
    const [oldest = ''] = tasks.keys();
    if (tasks.size > 200) tasks.delete(oldest);
  }
}

/** An ingested outcome names its task in its body. */
const proofOf = ({ path }: Endpoint, { taskId, epoch, outcomeToken }: Proof) => ({
  epoch,
  outcomeToken,
  ...(path === '/callbacks/ingest' ? { job_id: taskId } : {}),
});

const text = (value: unknown): string => (typeof value === 'string' ? value : (JSON.stringify(value) ?? ''));

function matched(schema: z.ZodType, raw: string): unknown {
  const parsed = schema.safeParse(JSON.parse(raw));
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`);
  throw new Error(`The reply is not as its schema says: ${issues.join('; ')}\n${raw.slice(0, 2_000)}`);
}

function judgeProblem(endpoint: Endpoint, status: number, type: string, headers: object, raw: string): void {
  if (!/^application\/problem\+json(; charset=utf-8)?$/.test(type)) throw new Error(`answered ${type}: ${raw.slice(0, 500)}`);
  const problem = matched(problemSchema, raw) as { status: number; code: string };
  const isMeant = status === 503 && MEANT_503[endpoint.path]?.includes(problem.code);
  // A task's own failure, as the agent named it, is what `/run` answers with.
  const isTasksOwn = endpoint.path === '/run' && status < 500;
  // A message that cannot be adopted is refused as such, whatever its flaw.
  const isFlaw = endpoint.path === '/task/adopt' && status === 422 && Object.values(CODES).flat().includes(problem.code);
  if (problem.status !== status || !(isMeant || isTasksOwn || isFlaw || CODES[status]?.includes(problem.code)))
    throw new Error(`answered ${status} ${raw.slice(0, 1_000)}`);
  if (status === 401 && !('www-authenticate' in headers)) throw new Error('401 without a challenge');
  if (problem.code === 'not_yet' && !('retry-after' in headers)) throw new Error('503 without Retry-After');
}

/** What was sent is what is shown, also where the view is a replay's. */
function judgeDispatch(request: Request, status: number, view: TaskView): void {
  const sent = JSON.parse(request.body ?? '') as Record<string, unknown>;
  const ended = view.finishedAt !== undefined;
  if (ended !== (status === 200)) throw new Error(`answered ${status} for a task that is ${view.status}`);
  for (const field of ['agent', 'payload', 'idempotencyKey'] as const) {
    if (canonical(view[field]) !== canonical(sent[field]))
      throw new Error(`${field} was ${text(sent[field])}, is ${text(view[field])}`);
  }
}

const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, inner) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1))
      : inner,
  ) ?? '';

function judgeEvents(type: string, raw: string): void {
  if (type !== 'text/event-stream; charset=utf-8') throw new Error(`events as ${type}`);
  const whole = raw.split('\n\n').slice(0, -1);
  for (const [index, frame] of whole.entries()) {
    const [, id, event, data] = /^(?:id: ([^\r\n]+)\n)?event: (\w+)\ndata: ([^\r\n]+)$/.exec(frame) ?? [];
    if (event === undefined || data === undefined) throw new Error(`This is no frame: ${frame.slice(0, 500)}`);
    if (event === 'end') {
      matched(endFrameSchema, data);
      if (index !== whole.length - 1) throw new Error('something follows the end of the events');
    } else {
      const entry = matched(entrySchema, data) as { event: string; hash: string };
      if (entry.event !== event || entry.hash !== id) throw new Error(`This frame is not of its entry: ${frame}`);
    }
  }
}

/** What comes of a stream until it ends or has been watched for long enough. */
async function frames(body: AsyncIterable<Buffer> & { destroy(): unknown }): Promise<string> {
  const chunks: Buffer[] = [];
  const stop = new AbortController();
  const read = (async () => {
    for await (const chunk of body) chunks.push(chunk);
  })().catch((error: unknown) => {
    if (!stop.signal.aborted) throw error;
  });
  await Promise.race([read, pause(WATCH_MS)]);
  stop.abort();
  body.destroy();
  return Buffer.concat(chunks).toString();
}

function asCurl(url: string, { method, path, headers, body }: Request): string {
  const quoted = (value: string) => `'${value.replaceAll("'", "'\\''")}'`;
  const heads = Object.entries(headers).map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`);
  return ['curl -X', method, quoted(url + path), ...heads, ...(body === undefined ? [] : ['-d', quoted(body)])].join(' ');
}
