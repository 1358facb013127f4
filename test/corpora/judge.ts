/** Judges replies: throws an error that says what is wrong with one. */

import type { z } from 'zod';
import { exportLineSchema } from '../../scripts/openapi/replies/control.ts';
import { problemSchema } from '../../scripts/openapi/replies/problem.ts';
import { endFrameSchema, entrySchema, type TaskView } from '../../scripts/openapi/replies/tasks.ts';
import type { Endpoint } from './calls.ts';
import { described } from './described.ts';

/** The answers above 499 that are meant: the pause before the next attempt is not over, or the agent asks to be asked again. */
const MEANT_503: Readonly<Record<string, readonly string[]>> = {
  '/run': ['not_yet', 'agent_unreachable', 'asked_to_fail', 'stopped', 'paused'],
};

/** Of a packet. */
const FLAWS = Object.values(described('POST', '/dispatch').codes).flat();

/** A path may be none of ours, or no URL. */
const OF_ANY_PATH: Readonly<Record<number, string>> = { 400: 'invalid_url', 404: 'not_found' };

/** A reply's value, by its schema. */
export function matched(schema: z.ZodType, raw: string): unknown {
  const parsed = schema.safeParse(JSON.parse(raw));
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`);
  throw new Error(`The reply is not as its schema says: ${issues.join('; ')}\n${raw.slice(0, 2_000)}`);
}

/** Whether the status, the code and the document are those of an answer that is known here. */
export function judgeProblem(endpoint: Endpoint, status: number, type: string, headers: object, raw: string): void {
  if (!/^application\/problem\+json(; charset=utf-8)?$/.test(type)) throw new Error(`answered ${type}: ${raw.slice(0, 500)}`);
  const problem = matched(problemSchema, raw) as { status: number; code: string };
  const { path, codes } = endpoint;
  const isMeant = status === 503 && MEANT_503[path]?.includes(problem.code);
  // A task's own failure, as the agent named it, is what `/run` answers with.
  const isTasksOwn = path === '/run' && status < 500;
  // A message that cannot be adopted is refused as such, whatever its flaw.
  const isFlaw = path === '/task/adopt' && status === 422 && FLAWS.includes(problem.code);
  const isKnown = codes[status]?.includes(problem.code) || OF_ANY_PATH[status] === problem.code;
  if (problem.status !== status || !(isMeant || isTasksOwn || isFlaw || isKnown))
    throw new Error(`answered ${status} ${raw.slice(0, 1_000)}`);
  if (status === 401 && !('www-authenticate' in headers)) throw new Error('401 without a challenge');
  if (status === 503 && !('retry-after' in headers)) throw new Error('503 without Retry-After');
}

/** What was sent is what is shown, also where the view is a replay's. */
export function judgeDispatch(sentBody: string, status: number, view: TaskView): void {
  const sent = JSON.parse(sentBody) as Record<string, unknown>;
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

/** Each frame whole and of its entry, nothing behind the end. */
export function judgeEvents(type: string, raw: string): void {
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

/** Each line whole, and the last one the end. */
export function judgeLines(type: string, raw: string): void {
  if (type !== 'application/x-ndjson; charset=utf-8') throw new Error(`lines as ${type}`);
  const lines = raw.split('\n').slice(0, -1);
  for (const line of lines) matched(exportLineSchema, line);
  if (lines.at(-1) !== '{"end":true}') throw new Error(`the lines end with ${lines.at(-1)}`);
}

export const text = (value: unknown): string => (typeof value === 'string' ? value : (JSON.stringify(value) ?? ''));
