/**
 * One trace over all that a task comes by: the header `traceparent` of HTTP, the attribute of the same name of messages. It says where
 * log lines belong and nothing else; whoever can publish can write one, so nothing is decided by it.
 *
 * Source: W3C Trace Context, version 00.
 */

import { AsyncLocalStorage } from 'node:async_hooks';
import type { Ids } from './ports.ts';
import type { TaskCore } from './task.ts';

export const TRACEPARENT = 'traceparent';

export interface Trace {
  /** 32 lower-case hexadecimal digits, not all of them 0. */
  readonly traceId: string;
  /** 16 such: the hop by which it came. */
  readonly spanId: string;
  readonly isSampled: boolean;
}

const PATTERN = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})$/;
const TRACE_ID = /^(?!0{32})[0-9a-f]{32}$/;
const SAMPLED = 1;

/** The trace that a header or an attribute names; nothing for what is not just as the standard has it. */
export function parsedTrace(text: unknown): Trace | undefined {
  const [, traceId, spanId, flags = ''] = typeof text === 'string' ? (PATTERN.exec(text) ?? []) : [];
  if (traceId === undefined || spanId === undefined) return undefined;
  return { traceId, spanId, isSampled: (Number.parseInt(flags, 16) & SAMPLED) !== 0 };
}

const written = ({ traceId, spanId, isSampled }: Trace): string => `00-${traceId}-${spanId}-${isSampled ? '01' : '00'}`;

/**
 * What a new task keeps: the trace of the request that made it, by whose id it is listed where it has no trace id of its own. One that
 * came without a trace begins one, unless its own trace id can be that.
 */
export function firstTrace(ids: Ids, given: string | undefined): Pick<TaskCore, 'traceId' | 'traceparent'> {
  const trace = currentTrace();
  if (trace !== undefined) return { traceId: given ?? trace.traceId, traceparent: written(trace) };
  const traceId = given ?? ids.random(16);
  if (TRACE_ID.test(traceId)) return { traceId };
  return { traceId, traceparent: written({ traceId: ids.random(16), spanId: ids.random(8), isSampled: true }) };
}

type Traced = Pick<TaskCore, 'traceId' | 'traceparent'>;

/** The next hop of a task's trace, as a header or an attribute: `{traceparent}`. Nothing for a task from before there were traces. */
export function hopOf(ids: Ids, { traceId, traceparent }: Traced): Record<string, string> {
  const kept = parsedTrace(traceparent);
  if (kept === undefined && !TRACE_ID.test(traceId)) return {};
  return { [TRACEPARENT]: written({ traceId, isSampled: true, ...kept, spanId: ids.random(8) }) };
}

/** The next hop of the trace that is being followed. */
export function onward(ids: Ids): Record<string, string> {
  const trace = currentTrace();
  return trace === undefined ? {} : { [TRACEPARENT]: written({ ...trace, spanId: ids.random(8) }) };
}

const followed = new AsyncLocalStorage<{ trace: Trace | undefined }>();

/** Runs `work`, and all that comes of it, in the trace that a request names. */
export const inTrace = (header: unknown, work: () => void): void => followed.run({ trace: parsedTrace(header) }, work);

/** From now on this request belongs to the trace of its message; without one it stays in that of its header. */
export function followMessage(attributes: Readonly<Record<string, string>>): void {
  const request = followed.getStore();
  if (request !== undefined) request.trace = parsedTrace(attributes[TRACEPARENT]) ?? request.trace;
}

/** From now on it belongs to that of its task, whatever its message said. */
export function followTask(ids: Ids, task: Traced): void {
  const request = followed.getStore();
  const traceId = parsedTrace(task.traceparent)?.traceId ?? task.traceId;
  if (request !== undefined && request.trace?.traceId !== traceId) request.trace = parsedTrace(hopOf(ids, task)[TRACEPARENT]);
}

/** The trace that log lines belong to. */
export const currentTrace = (): Trace | undefined => followed.getStore()?.trace;
