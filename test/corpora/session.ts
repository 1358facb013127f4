/** Sends calls to a running Heliograph, with what earlier replies have shown put in, and judges each reply. */

import { setTimeout as pause } from 'node:timers/promises';
import { Pool } from 'undici';
import type { z } from 'zod';
import { accountEmail } from '../../functions/core/addresses.ts';
import type { TaskView } from '../../scripts/openapi/replies/tasks.ts';
import type { TestStack } from '../support/stack.ts';
import type { Call, Endpoint } from './calls.ts';
import { EARLIER, EARLIER_BACKUP, EARLIER_JOB, EARLIER_PROJECT, EARLIER_ROLLBACK, PROJECT_PATH } from './hints.ts';
import { judgeDispatch, judgeEvents, judgeLines, judgeProblem, matched, text } from './judge.ts';

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

interface Approvable {
  readonly taskId: string;
  readonly hash: string;
}

interface Request {
  readonly method: Endpoint['method'];
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

/** How long a stream of events is watched when its task does not end. */
const WATCH_MS = 25;

/** One session serves any number of clients at once. */
export async function openSession(stack: TestStack, projectPaths: readonly string[] = []): Promise<Session> {
  const pool = new Pool(stack.url, { connections: 32 });
  const token = await stack.local.issuer.token({
    email: accountEmail(stack.settings, 'codex'),
    audience: stack.local.functionUrls.dispatch as string,
  });
  /** The states as last seen, oldest first. */
  const tasks = new Map<string, string>();
  const cursors: string[] = [];
  /** What waits for an approval, as last shown. */
  let approvals: readonly Approvable[] = [];
  const seenIds: Record<string, string[]> = {
    [EARLIER_PROJECT]: [],
    [EARLIER_BACKUP]: [],
    [EARLIER_JOB]: [],
    [EARLIER_ROLLBACK]: [],
    [PROJECT_PATH]: [...projectPaths],
  };
  const proofs: Proof[] = [];
  const seen = new Map<string, number>();

  return {
    proofs,
    seen,
    close: () => pool.destroy(),
    async send(call) {
      const request = requestOf(call, call.proof === undefined ? undefined : proofFor(call.endpoint, call.proof));
      try {
        await exchange(call, request);
      } catch (error) {
        throw new Error(`${(error as Error).message}\n${asCurl(stack.url, request)}`, { cause: error });
      }
    },
  };

  function proofFor({ approves }: Endpoint, n: number): Proof | Approvable | undefined {
    const all = approves ? approvals : proofs;
    return all.at(-1 - (n % Math.max(1, all.length)));
  }

  function requestOf({ endpoint, id, backup, cursor, query, body, headers }: Call, proof: Proof | Approvable | undefined): Request {
    const given = proof?.taskId ?? (typeof id === 'number' ? taskOf(id, endpoint.prefers) : withEarlier(id));
    const encoded = (value: unknown) => encodeURIComponent(String(value).toWellFormed() || 'none');
    const path = endpoint.path.replace('{}', () => encoded(given)).replace('{backup}', () => encoded(withEarlier(backup)));
    const parameters = Object.entries((query ?? {}) as object)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => [key, withEarlier(value)]);
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
    if (typeof value !== 'string') return value;
    let text: string = value;
    if (text.includes(EARLIER)) text = text.replace(new RegExp(`${EARLIER}(\\d+)`), (_, n) => taskOf(Number(n)));
    for (const [place, ids] of Object.entries(seenIds)) {
      if (!text.includes(place)) continue;
      text = text.replace(new RegExp(`${place}(\\d+)`), (_, n) => ids.at(-1 - (Number(n) % Math.max(1, ids.length))) ?? 'none');
    }
    return text;
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
    else if (answer === 'lines') judgeLines(type, raw);
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
      task_id?: string;
      approvals?: Approvable[];
      project_id?: string;
      backup_id?: string;
      rollback_id?: string;
      job_id?: string;
    };
    if (request.path === '/dispatch') judgeDispatch(request.body ?? '', status, value as TaskView);
    const shown = Array.isArray(value.tasks) ? value.tasks : value.timeline ? [value as TaskView] : [];
    for (const { id, status } of shown) remember(id, status);
    if (value.task_id !== undefined) remember(value.task_id, 'submitted');
    if (value.approvals !== undefined) approvals = value.approvals;
    for (const [place, id] of [
      [EARLIER_PROJECT, value.project_id],
      [EARLIER_BACKUP, value.backup_id],
      [EARLIER_ROLLBACK, value.rollback_id],
      [EARLIER_JOB, value.job_id],
    ] as const) {
      if (id !== undefined && !seenIds[place]?.includes(id)) seenIds[place]?.push(id);
    }
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
function proofOf({ path }: Endpoint, proof: Proof | Approvable): object {
  if ('hash' in proof) return { hash: proof.hash };
  const { taskId, epoch, outcomeToken } = proof;
  return { epoch, outcomeToken, ...(path === '/callbacks/ingest' ? { job_id: taskId } : {}) };
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
