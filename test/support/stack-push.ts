/** Pushes by hand, with the token that Pub/Sub would present: for what a broker does only by accident. */

import { accountEmail, pushAccountEmail, pushAudience } from '../../functions/core/addresses.ts';
import type { Reply, TestStack, View } from './stack.ts';

export interface PushedMessage {
  /** JSON-encoded unless it is text. */
  readonly data: unknown;
  readonly attributes?: Record<string, string>;
  readonly messageId?: string;
  readonly publishTime?: string;
}

/** POSTs one message to a push path of a function; the status is what Pub/Sub would judge by. */
export async function push(stack: TestStack, name: string, path: string, message: PushedMessage): Promise<number> {
  const text = typeof message.data === 'string' ? message.data : JSON.stringify(message.data);
  const { attributes = {}, messageId = `by-hand-${Math.random()}`, publishTime = new Date().toISOString() } = message;
  return pushRaw(stack, name, path, {
    message: { data: Buffer.from(text).toString('base64'), attributes, messageId, publishTime },
    subscription: 'projects/p/subscriptions/by-hand',
    deliveryAttempt: 1,
  });
}

/** The same with an envelope of any shape. */
export async function pushRaw(stack: TestStack, name: string, path: string, envelope: unknown): Promise<number> {
  const headers = await pushHeaders(stack, name, path);
  const { status } = await stack.post<unknown>(`${stack.local.functionUrls[name]}${path}`, envelope, headers);
  return status;
}

/** Bytes of any kind: as the data of the message with that id, or, without one, in the place of the envelope. */
export async function pushBytes(
  stack: TestStack,
  name: string,
  path: string,
  bytes: Buffer<ArrayBuffer>,
  messageId?: string,
): Promise<number> {
  const message = { data: bytes.toString('base64'), messageId, publishTime: new Date().toISOString() };
  const body = messageId === undefined ? bytes : JSON.stringify({ message, subscription: `projects/p/subscriptions${path}` });
  const headers = { 'content-type': 'application/json', ...(await pushHeaders(stack, name, path)) };
  const reply = await fetch(`${stack.local.functionUrls[name]}${path}`, { method: 'POST', headers, body });
  await reply.arrayBuffer();
  return reply.status;
}

async function pushHeaders(stack: TestStack, name: string, path: string): Promise<Record<string, string>> {
  const email = pushAccountEmail(stack.settings);
  const token = await stack.local.issuer.token({ email, audience: pushAudience(stack.settings, name, path) });
  return { authorization: `Bearer ${token}` };
}

export interface ClaimedAttempt {
  readonly kind: string;
  readonly attempt: { readonly taskId: string; readonly epoch: number; readonly outcomeToken: string; readonly payload: unknown };
}

/** Claims a task of codex as codex would, to do with the attempt as one pleases. */
export async function claimAsCodex(stack: TestStack, id: string, part: object = {}, as = 'codex'): Promise<Reply<ClaimedAttempt>> {
  const email = accountEmail(stack.settings, as);
  const token = await stack.local.issuer.token({ email, audience: stack.local.functionUrls.dispatch as string });
  const requestId = `request-${Math.random()}`;
  const body = { agent: 'codex', requestId, quoteCents: 5, timeLimitMs: 60_000, ...part };
  return stack.post(`/task/${id}/claim`, body, { authorization: `Bearer ${token}` });
}

/** The one task with a trace id, once there is one. */
export async function traced(stack: TestStack, traceId: string): Promise<View> {
  for (let tries = 0; tries < 200; tries++) {
    const { body } = await stack.get<{ tasks: View[] }>(`/tasks?trace=${traceId}`);
    if (body.tasks.length > 1) throw new Error(`${body.tasks.length} tasks have the trace id ${traceId}`);
    const [task] = body.tasks;
    if (task !== undefined) return stack.ended(task.id);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`no task has the trace id ${traceId}`);
}
