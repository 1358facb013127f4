/**
 * How long a function takes from its start to its first answer: each deployed bundle against an empty one of the same make
 * (`/healthz`), and against a bare one that makes the same client calls (a first real request). Ours has been through the step
 * that the platform's build takes, which leaves a compile cache; theirs are measured without and with one.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmulators } from '../../emulator-bridge/emulators.ts';
import { topology } from '../../functions/topology.ts';
import { type Bundle, bundleFunction } from '../bundle/bundle-function.ts';
import { bareBundle, built, emptyBundle, unpacked } from './cold-start-bundles.ts';
import { listed } from './cold-start-calls.ts';
import { coldStartMs, type FirstRequest } from './cold-start-process.ts';
import { type FirstRequests, startFirstRequests } from './cold-start-requests.ts';
import { interleaved } from './rounds.ts';

/** Milliseconds, per round. */
export interface Against {
  readonly ours: readonly number[];
  readonly theirs: readonly number[];
  /** Theirs, with a compile cache as well. */
  readonly cached: readonly number[];
}

export interface FirstAgainst extends Against {
  /** What both call, in words. */
  readonly calls: string;
}

export interface ColdStartFigures {
  /** By function: to the first `/healthz`, against the empty bundle. */
  readonly health: Readonly<Record<string, Against>>;
  /** By function: to the first real request, against the bare bundle. Or why it was not measured. */
  readonly first: Readonly<Record<string, FirstAgainst | string>>;
  /** Bytes of code. */
  readonly bundles: Readonly<Record<string, Bundle['bytes']>>;
}

const NAMES = Object.keys(topology.functions);
const silent = { debug() {}, info() {}, warn() {}, error() {} };
const EMULATED = ['PUBSUB_EMULATOR_HOST', 'FIRESTORE_EMULATOR_HOST', 'METADATA_SERVER_DETECTION'] as const;

/** Measures every function in each round, after one round that does not count. */
export async function measureColdStarts(rounds: number, only: readonly string[] = NAMES): Promise<ColdStartFigures> {
  const folder = mkdtempSync(join(tmpdir(), 'heliograph-cold-start-'));
  const before = EMULATED.map((name) => [name, process.env[name]] as const);
  try {
    const bundles = Object.fromEntries(await Promise.all(only.map(async (name) => [name, await bundleFunction(name)] as const)));
    for (const [name, bundle] of Object.entries(bundles)) built(unpacked(bundle, join(folder, name)));
    const empty = await emptyBundle();
    unpacked(empty, join(folder, 'empty'));
    built(unpacked(empty, join(folder, 'empty-cached')));
    const dataDir = join(folder, 'data');
    return {
      health: await measureHealth(folder, only, rounds, { ORCHESTRATOR_RUNTIME: 'emulators', ORCHESTRATOR_DATA_DIR: dataDir }),
      first: await measureFirst(folder, only, rounds, dataDir).catch((error: Error & { code?: string }) => {
        if (error.code !== 'emulators_missing') throw error;
        return Object.fromEntries(only.map((name) => [name, error.message]));
      }),
      bundles: Object.fromEntries(Object.entries(bundles).map(([name, { bytes }]) => [name, bytes])),
    };
  } finally {
    rmSync(folder, { recursive: true });
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}

async function measureHealth(folder: string, names: readonly string[], rounds: number, environment: Record<string, string>) {
  const health: FirstRequest = { method: 'GET', path: '/healthz', headers: {}, status: 200 };
  const turn = (name: string) => () => coldStartMs(join(folder, name), environment, health);
  const contenders = ['empty', 'empty-cached', ...names].map((name) => [name, turn(name)] as const);
  const figures = await warmedUp(rounds, Object.fromEntries(contenders));
  const of = (name: string): number[] => figures[name] ?? [];
  return Object.fromEntries(names.map((name) => [name, { ours: of(name), theirs: of('empty'), cached: of('empty-cached') }]));
}

async function measureFirst(folder: string, names: readonly string[], rounds: number, dataDir: string) {
  const emulators = await startEmulators({ log: silent });
  let requests: FirstRequests | undefined;
  try {
    Object.assign(process.env, {
      PUBSUB_EMULATOR_HOST: emulators.pubsubHost,
      FIRESTORE_EMULATOR_HOST: emulators.firestoreHost,
      METADATA_SERVER_DETECTION: 'none',
    });
    requests = await startFirstRequests(emulators, dataDir);
    const first: Record<string, FirstAgainst | string> = {};
    for (const name of names) {
      first[name] = requests.names.includes(name)
        ? await measureFunction(requests, folder, name, rounds)
        : 'no first request has been written for it';
    }
    return first;
  } finally {
    await requests?.close();
    await emulators.stop();
  }
}

async function measureFunction(requests: FirstRequests, folder: string, name: string, rounds: number) {
  const environment = await requests.environment(name);
  const { calls } = await requests.next(name);
  const bare = await bareBundle(name, calls);
  const bareFolder = unpacked(bare, join(folder, `bare-${name}`));
  const cachedFolder = built(unpacked(bare, join(folder, `bare-${name}-cached`)));
  const turn = (at: string) => async () => {
    const { calls: same } = await requests.next(name);
    const headers = { 'content-type': 'application/json' };
    return coldStartMs(at, environment, { method: 'POST', path: '/', headers, body: JSON.stringify(same), status: 204 });
  };
  const figures = await warmedUp(rounds, {
    ours: async () => coldStartMs(join(folder, name), environment, (await requests.next(name)).request),
    theirs: turn(bareFolder),
    cached: turn(cachedFolder),
  });
  return { ours: figures.ours ?? [], theirs: figures.theirs ?? [], cached: figures.cached ?? [], calls: listed(calls) };
}

async function warmedUp(rounds: number, contenders: Readonly<Record<string, () => Promise<number>>>) {
  await interleaved(1, contenders);
  return interleaved(rounds, contenders);
}
