/** Ours on Google's emulators against the bare pipeline on the same emulators, in turns. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Firestore } from '@google-cloud/firestore';
import { Pool } from 'undici';
import { startEmulated } from '../../emulator-bridge/emulated.ts';
import { startEmulators } from '../../emulator-bridge/emulators.ts';
import type { LocalStack } from '../../emulator-bridge/local-stack.ts';
import { readSettings } from '../../functions/core/settings.ts';
import { startBarePipeline } from './bare-pipeline.ts';
import { emptyStores } from './emulated-stores.ts';
import { interleaved, spread } from './rounds.ts';

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const CLIENTS = 32;

export interface EmulatorFigures {
  /** Tasks per second, per round. */
  readonly ours: readonly number[];
  readonly bare: readonly number[];
  /** Ours over bare, per round. */
  readonly ratio: readonly number[];
}

/** A burst of `tasks` per turn, from the first dispatch to the last stored result. Throws when there are no emulators. */
export async function compareOnEmulators(tasks: number, rounds: number): Promise<EmulatorFigures> {
  const emulators = await startEmulators({ log: silent });
  const dataDir = await mkdtemp(join(tmpdir(), 'heliograph-bench-'));
  Object.assign(process.env, {
    PUBSUB_EMULATOR_HOST: emulators.pubsubHost,
    FIRESTORE_EMULATOR_HOST: emulators.firestoreHost,
    METADATA_SERVER_DETECTION: 'none',
  });
  const settings = readSettings({}, { runtime: 'emulators', auth: 'open', port: 0, dataDir, logLevel: 'error' });
  const stack = await startEmulated({ settings, log: silent, onLine: (name, line) => console.error(`${name} | ${line}`) });
  const bare = await startBarePipeline(settings.project);
  const [ours, yardstick] = ['tasks', 'bare'].map((databaseId) => new Firestore({ projectId: settings.project, databaseId })) as [
    Firestore,
    Firestore,
  ];
  // Dispatch's own address, as in the cloud: the bridge's single address would be one proxy more.
  const pool = new Pool(stack.functionUrls.dispatch ?? stack.url, { connections: CLIENTS });
  try {
    const turn = (store: Firestore, run: () => Promise<void>) => async () => {
      await emptyStores(emulators.firestoreHost, settings.project);
      const started = performance.now();
      await run();
      const seconds = (performance.now() - started) / 1000;
      const { count } = (await store.collection('tasks').where('status', '==', 'succeeded').count().get()).data();
      if (count !== tasks) throw new Error(`${count} of ${tasks} tasks have succeeded.`);
      return tasks / seconds;
    };
    const contenders = {
      ours: turn(ours, () => runOurs(pool, stack, tasks)),
      bare: turn(yardstick, () => bare.run(tasks, CLIENTS)),
    };
    await interleaved(1, contenders);
    const figures = await interleaved(rounds, contenders);
    const rates = { ours: figures.ours ?? [], bare: figures.bare ?? [] };
    return { ...rates, ratio: rates.ours.map((rate, round) => rate / (rates.bare[round] ?? Number.NaN)) };
  } finally {
    await pool.close();
    await Promise.all([ours.terminate(), yardstick.terminate()]);
    await bare.close();
    await stack.stop();
    await emulators.stop();
    await rm(dataDir, { recursive: true });
  }
}

/**
 * The end is seen where it costs nothing: a result is acknowledged once its task is closed. What the store then holds is
 * counted after the clock has stopped.
 */
async function runOurs(pool: Pool, stack: LocalStack, tasks: number): Promise<void> {
  const closed = () => stack.counters()['sub-results']?.acked ?? 0;
  const before = closed();
  let next = 0;
  await Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      while (next < tasks) {
        const body = JSON.stringify({
          agent: 'light',
          mode: 'pubsub',
          payload: { number: next++, text: 'measured' },
          ttlSeconds: 600,
        });
        const answer = await pool.request({
          path: '/dispatch',
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body,
        });
        await answer.body.dump();
        if (answer.statusCode !== 202) throw new Error(`Dispatch answered ${answer.statusCode}.`);
      }
    }),
  );
  while (closed() - before < tasks) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Median and range of each. */
export const summary = ({ ours, bare, ratio }: EmulatorFigures) => ({
  ours: spread(ours),
  bare: spread(bare),
  ratio: spread(ratio),
});
