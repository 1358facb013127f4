/** An MCP server behind an address: streamable HTTP, through the guarded egress. */

import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { FetchLike, Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { Settings } from '../core/settings.ts';
import type { StreamingEgress } from './egress.ts';
import type { OpenReply } from './egress-exchange.ts';
import type { Wire } from './mcp-session.ts';
import { within } from './within.ts';

type AddressRow = Extract<Settings['mcpServers'][number], { url: string }>;

const MAX_BYTES = 32 * 1024 * 1024;
/** Longer than any run: each request of the protocol has a limit of its own, and ends with its session. */
const REPLY_MS = 600_000;
const LAST_WORD_MS = 1_000;

/** Connects to the address as it stands in the settings; a redirect is a failure. */
export async function httpWire({ url }: AddressRow, egress: StreamingEgress): Promise<Wire> {
  const http = new StreamableHTTPClientTransport(new URL(url), { fetch: egressFetch(egress, cut) });
  // Its types let members be set to `undefined`, which ours do not.
  const transport = http as Transport;
  let ended = false;
  let sent: Promise<unknown> = Promise.resolve();
  const send = http.send.bind(http);
  transport.send = (message, options) => {
    const sending = send(message, options);
    if (!('id' in message)) sent = sending.catch(() => {});
    return sending;
  };
  return { transport, end };

  /** What was asked for on it will not be answered any more. */
  function cut(): void {
    if (!ended) void http.close();
  }

  async function end(): Promise<void> {
    if (ended) return;
    ended = true;
    // That nobody waits any more, and that the session is over.
    await within(LAST_WORD_MS, sent).catch(() => {});
    await within(LAST_WORD_MS, http.terminateSession()).catch(() => {});
    await http.close();
  }
}

/** `fetch`, as far as the transport needs it. `onCut` is called when a reply that somebody waits for breaks off. */
function egressFetch(egress: StreamingEgress, onCut: () => void): FetchLike {
  return async (input, { method = 'GET', headers, body, signal } = {}) => {
    // One that is to go on where another broke off; that a `POST` fails, who sends it sees for himself.
    const isResumed = method === 'GET' && new Headers(headers).has('last-event-id');
    const reply = await egress
      .open({
        url: String(input),
        trust: 'operator',
        method: method as 'GET' | 'POST' | 'DELETE',
        headers: Object.fromEntries(new Headers(headers)),
        ...(typeof body === 'string' ? { body } : {}),
        timeoutMs: REPLY_MS,
        maxBytes: MAX_BYTES,
        ...(signal ? { signal } : {}),
      })
      .catch((error: unknown) => {
        if (isResumed) onCut();
        throw error;
      });
    const { status } = reply;
    if (status >= 300 && status < 400) {
      reply.cancel();
      throw new Error(`it answered ${status}, and redirects are not followed`);
    }
    if (isResumed && status >= 400) onCut();
    const isEmpty = status === 204 || status === 205;
    if (isEmpty) reply.cancel();
    return new Response(isEmpty ? null : streamOf(reply, method === 'POST' || isResumed ? onCut : () => {}), {
      status,
      headers: reply.headers,
    });
  };
}

function streamOf(reply: OpenReply, onCut: () => void): ReadableStream<Uint8Array> {
  const chunks = reply.body[Symbol.asyncIterator]();
  let isWanted = true;
  return new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await chunks.next();
        if (done) controller.close();
        else controller.enqueue(new Uint8Array(value));
      } catch (error) {
        if (isWanted) onCut();
        throw error;
      }
    },
    cancel() {
      isWanted = false;
      reply.cancel();
    },
  });
}
