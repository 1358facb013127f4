/** What the bridge's tests share: a source of deliveries in memory, a receiver that records, and a log that says nothing. */

import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { closeServer, listenLoopback } from '../../emulator-bridge/loopback.ts';
import type { Delivery, Log, Subscriptions } from '../../functions/core/ports.ts';

/** A log that says nothing. */
export const quiet: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

export interface Receiver {
  readonly url: string;
  readonly server: Server;
  close(): Promise<void>;
}

/** An HTTP server on a free loopback port. */
export async function receiver(listener: RequestListener): Promise<Receiver> {
  const server = createServer(listener);
  const port = await listenLoopback(server, 0);
  return { url: `http://127.0.0.1:${port}`, server, close: () => closeServer(server) };
}

/** A receiver that reads the body and answers with what `answer` says. */
export function answering(answer: (body: string, request: IncomingMessage) => number | Promise<number>): Promise<Receiver> {
  return receiver(async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    response.writeHead(await answer(Buffer.concat(chunks).toString(), request)).end();
  });
}

export interface FakeSource extends Subscriptions {
  /** `acked` and `nacked` message ids, in order. */
  readonly acked: string[];
  readonly nacked: string[];
  offer(message: { data?: string; attributes?: Record<string, string>; attempt?: number }): string;
  /** Resolves when every offered message is answered. */
  settled(): Promise<void>;
}

/** Hands over what is offered at once, never again, however it is answered. */
export function fakeSource(): FakeSource {
  const acked: string[] = [];
  const nacked: string[] = [];
  let offered = 0;
  let wake = () => {};
  let deliver: ((delivery: Delivery) => void) | undefined;
  return {
    acked,
    nacked,
    pull(_subscription, _maxOutstanding, onDelivery) {
      deliver = onDelivery;
      return async () => {
        deliver = undefined;
      };
    },
    offer({ data = '{}', attributes = {}, attempt = 1 }) {
      offered += 1;
      const messageId = String(offered);
      deliver?.({
        messageId,
        data: Buffer.from(data),
        attributes,
        publishTime: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
        deliveryAttempt: attempt,
        ack: () => {
          acked.push(messageId);
          wake();
        },
        nack: () => {
          nacked.push(messageId);
          wake();
        },
      });
      return messageId;
    },
    settled: () =>
      new Promise((resolve) => {
        wake = () => {
          if (acked.length + nacked.length >= offered) resolve();
        };
        wake();
      }),
  };
}
