/** What a local start prints: where it is, who may call, and three lines to paste. */

import { keyedId } from '../functions/core/create.ts';
import type { Settings } from '../functions/core/settings.ts';

export interface WelcomeFacts {
  readonly settings: Settings;
  readonly url: string;
  readonly functionUrls: Readonly<Record<string, string>>;
  /** What else listens where. */
  readonly notes: readonly string[];
  /** The API key, where one is required. */
  readonly key: string | undefined;
}

/** The text, without a final newline. */
export function welcome(facts: WelcomeFacts): string {
  const { settings, url, functionUrls, notes, key } = facts;
  const width = Math.max(...Object.keys(functionUrls).map((name) => name.length));
  return [
    `Heliograph (${settings.runtime}) is ready at ${url}`,
    '',
    ...notes.map((note) => `  ${note}`),
    ...Object.entries(functionUrls).map(([name, address]) => `  ${name.padEnd(width)}  ${address}`),
    `  ${'data'.padEnd(width)}  ${settings.dataDir}${settings.runtime === 'emulators' ? ' (keys and objects: the emulators forget tasks when they stop)' : ''}`,
    '',
    key === undefined
      ? 'Open to every program on this machine, and to no other: it listens on loopback alone. --keys requires a key.'
      : `API key: ${key}`,
    '',
    ...curlLines(url, key),
    '',
    'Ctrl-C stops it.',
  ].join('\n');
}

/** Dispatch by HTTP, dispatch by Pub/Sub, and the second one's task: its id follows from its idempotency key. */
export function curlLines(url: string, key: string | undefined): string[] {
  const authorization = key === undefined ? '' : ` -H 'X-API-Key: ${key}'`;
  const post = (packet: object) =>
    `curl -s -X POST ${url}/dispatch${authorization} -H 'Content-Type: application/json' -d '${JSON.stringify(packet)}'`;
  const payload = { msg: 'hi' };
  return [
    post({ agent: 'light', payload, ttlSeconds: 60, budgetCents: 10 }),
    post({ agent: 'light', mode: 'pubsub', payload, ttlSeconds: 60, budgetCents: 10, idempotencyKey: 'hello' }),
    `curl -s${authorization} '${url}/task/${keyedId('default', 'light', 'hello')}?waitSeconds=10'`,
  ];
}
