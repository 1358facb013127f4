/**
 * An HTTP agent that succeeds when the test says so: each task names the gate behind which its run waits. A payload's `fail` is the
 * status that it answers instead.
 */

import { httpListener } from './http-listener.ts';

export interface GatedAgent {
  /** For the setting `agents`. */
  readonly row: { readonly name: 'gated'; readonly endpoint: string; readonly priceCents: number };
  /** A packet whose run waits behind a gate of its own, and what opens that. */
  gate(): { readonly packet: Record<string, unknown>; open(): void };
  /** Opens every gate, and stops. */
  close(): Promise<void>;
}

export async function gatedAgent(): Promise<GatedAgent> {
  const gates: PromiseWithResolvers<void>[] = [];
  const listener = await httpListener(async ({ body }) => {
    const { payload } = JSON.parse(body);
    await gates[payload.gate]?.promise;
    return { status: payload.fail ?? 200, body: {} };
  });
  return {
    row: { name: 'gated', endpoint: `${listener.url}/run`, priceCents: 3 },
    gate() {
      const gate = Promise.withResolvers<void>();
      gates.push(gate);
      return { packet: { agent: 'gated', mode: 'pubsub', payload: { gate: gates.length - 1 } }, open: gate.resolve };
    },
    async close() {
      for (const { resolve } of gates) resolve();
      await listener.close();
    },
  };
}
