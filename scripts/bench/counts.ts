/** What one task costs in billed operations, counted by the adapters around the real stack. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbedded } from '../../emulator-bridge/embedded.ts';
import { type Counts, countingDocuments, countingMessages } from '../../functions/adapters/counting.ts';
import { readSettings } from '../../functions/core/settings.ts';

const TASKS = 100;
const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** Document writes, document reads and publishes per task on the happy path in pubsub mode, without anybody looking on. */
export async function countOperations(): Promise<Counts> {
  const counts: Counts = { reads: 0, writes: 0, publishes: 0 };
  const dataDir = await mkdtemp(join(tmpdir(), 'heliograph-counts-'));
  const flags = { runtime: 'embedded', auth: 'open', port: 0, dataDir, logLevel: 'silent' };
  const stack = await startEmbedded({
    settings: readSettings({}, flags),
    log: silent,
    runtimeFor: (runtime) => ({
      ...runtime,
      documents: countingDocuments(runtime.documents, counts),
      messages: countingMessages(runtime.messages, counts),
    }),
  });
  try {
    await Promise.all(Array.from({ length: TASKS }, () => dispatchOne(stack.url)));
    while (counts.writes < TASKS * 3) await new Promise((resolve) => setTimeout(resolve, 20));
    return { reads: counts.reads / TASKS, writes: counts.writes / TASKS, publishes: counts.publishes / TASKS };
  } finally {
    await stack.stop();
    await rm(dataDir, { recursive: true });
  }
}

async function dispatchOne(url: string): Promise<void> {
  const body = JSON.stringify({ agent: 'light', mode: 'pubsub', payload: { text: 'counted' } });
  const response = await fetch(`${url}/dispatch`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  if (response.status !== 202) throw new Error(`Dispatch answered ${response.status}.`);
  await response.arrayBuffer();
}
