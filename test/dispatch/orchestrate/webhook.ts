import { setTimeout as pause } from 'node:timers/promises';
import { httpListener, type Received } from '../../support/http-listener.ts';

/** How long an answer to `/orchestrate` is held in these tests. */
export const WAIT_MS = 700;

/** A flow: its inputs say what it does. */
export interface FlowInputs {
  /** Which test asks. */
  readonly test?: string;
  readonly afterMs?: number;
  readonly status?: number;
  readonly answer?: unknown;
}

export interface Webhook {
  readonly url: string;
  readonly intents: readonly { readonly name: string; readonly mode: 'flow'; readonly target: string }[];
  /** What a test has sent to it. */
  calls(test: string): readonly Received[];
  /** The callbacks that a test was sent. */
  callbacks(test: string): readonly Received[];
  close(): Promise<void>;
}

/** A webhook server for all tests of a suite, as n8n is one. */
export async function webhook(): Promise<Webhook> {
  const listener = await httpListener(async ({ path, body }) => {
    if (path.startsWith('/callback/')) return { status: 200, body: {} };
    const { inputs } = JSON.parse(body) as { inputs: FlowInputs };
    await pause(inputs.afterMs ?? 0);
    return { status: inputs.status ?? 200, body: inputs.answer ?? { processed: 15 } };
  });
  const names = ['gmail.triage', 'slack.summarize', 'custom'];
  return {
    url: listener.url,
    intents: names.map((name) => ({ name, mode: 'flow', target: `${listener.url}/flow/${name}` })),
    calls: (test) =>
      listener.received.filter(
        ({ path, body }) => path.startsWith('/flow/') && (JSON.parse(body) as { inputs: FlowInputs }).inputs.test === test,
      ),
    callbacks: (test) => listener.received.filter(({ path }) => path === `/callback/${test}`),
    close: () => listener.close(),
  };
}
