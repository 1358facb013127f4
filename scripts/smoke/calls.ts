/** Who the smoke test is, and how it calls. */

export interface Credentials {
  /** An API key. */
  readonly key?: string;
  /** What Cloud Run wants to see where the front functions are not public; the function itself sees the key. */
  readonly identityToken?: string;
}

export interface Call {
  readonly body?: Readonly<Record<string, unknown>>;
  /** Instead of the smoke test's own. */
  readonly credentials?: Credentials;
}

export interface Reply {
  readonly status: number;
  /** Empty when it was no JSON. */
  readonly body: Readonly<Record<string, unknown>>;
  readonly text: string;
}

export type Caller = (method: string, path: string, call?: Call) => Promise<Reply>;

/** Longer than the longest wait, and than a cold start. */
const LIMIT_MS = 65_000;

/** Calls one address. Rejects with an `Error` that names the address when nothing answers. */
export function callerOf(url: string, own: Credentials): Caller {
  return (method, path, { body, credentials = own } = {}) => send(method, url + path, headersOf(credentials), body);
}

/** One request. */
export async function send(method: string, url: string, headers: Record<string, string>, body?: object): Promise<Reply> {
  try {
    const reply = await fetch(url, {
      method,
      headers: { ...headers, ...(body && { 'content-type': 'application/json' }) },
      body: body && JSON.stringify(body),
      redirect: 'manual',
      signal: AbortSignal.timeout(LIMIT_MS),
    });
    const text = await reply.text();
    return { status: reply.status, body: parsed(text), text };
  } catch (error) {
    const { message } = ((error as Error).cause ?? error) as Error;
    throw new Error(`${new URL(url).origin} does not answer: ${message}`);
  }
}

/** A reply, for a sentence. */
export const said = ({ status, body, text }: Reply): string =>
  `${status} ${String(body.code ?? '')} ${String(body.detail ?? text).slice(0, 200)}`;

function headersOf({ key, identityToken }: Credentials): Record<string, string> {
  return {
    ...(key && { 'x-api-key': key }),
    ...(identityToken && { 'x-serverless-authorization': `Bearer ${identityToken}` }),
  };
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
