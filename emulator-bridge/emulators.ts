/** Starts Google's emulators and ends them for certain. */

import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { request } from 'undici';
import { Problem } from '../functions/core/errors.ts';
import type { Log } from '../functions/core/ports.ts';
import { type EmulatorName, type EmulatorSource, type EmulatorSources, findEmulators, HOST_VARIABLES } from './find-emulators.ts';
import { freePorts, LOOPBACK } from './loopback.ts';
import { type GroupProcess, GUARD, startProcess } from './process-groups.ts';

export { findEmulators } from './find-emulators.ts';

export interface Emulators {
  /** `host:port`, as in `PUBSUB_EMULATOR_HOST`. */
  readonly pubsubHost: string;
  readonly firestoreHost: string;
  /** Ends those that were started here. */
  stop(): Promise<void>;
}

export interface EmulatorOptions {
  readonly log: Log;
  readonly sources?: EmulatorSources;
  readonly readyWithinMs?: number;
}

const STEP_MS = 50;

/**
 * Starts both at once, on free ports, and waits until they answer. Throws `Problem` `emulators_missing`, or
 * `emulator_failed` with the last lines of its output; then nothing is left running.
 */
export async function startEmulators(options: EmulatorOptions): Promise<Emulators> {
  const sources = options.sources ?? (await findEmulators());
  const names = ['pubsub', 'firestore'] as const;
  const ports = await freePorts(names.length);
  const started = await Promise.allSettled(names.map((name, i) => startOne(name, sources[name], ports[i] as number, options)));
  const stop = async () => {
    await Promise.all(started.map((each) => (each.status === 'fulfilled' ? each.value.stop() : undefined)));
  };
  const failed = started.find((each) => each.status === 'rejected');
  if (failed !== undefined) {
    await stop();
    throw failed.reason;
  }
  const [pubsubHost, firestoreHost] = started.map((each) => (each as PromiseFulfilledResult<Started>).value.host);
  return { pubsubHost: pubsubHost as string, firestoreHost: firestoreHost as string, stop };
}

interface Started {
  readonly host: string;
  stop(): Promise<void>;
}

async function startOne(name: EmulatorName, source: EmulatorSource, port: number, options: EmulatorOptions): Promise<Started> {
  if (source.kind === 'running') {
    await foundRunning(name, source.host, options.readyWithinMs);
    return { host: source.host, stop: async () => {} };
  }
  const host = `${LOOPBACK}:${port}`;
  const container = `heliograph-${name}-${randomBytes(6).toString('hex')}`;
  const command =
    source.kind === 'java'
      ? [...source.command, `--host=${LOOPBACK}`, `--port=${port}`]
      : dockerCommand(name, source.image, container, port);
  const running = await startProcess([...GUARD, ...command], { stdio: ['pipe', 'pipe', 'pipe'] });
  const lines: string[] = [];
  for (const stream of [running.child.stdout, running.child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      lines.push(...text.split('\n').filter((line) => line.trim() !== ''));
      lines.splice(0, lines.length - 20);
    });
  }
  // Killing the client of Docker leaves its container; an exit handler may only do synchronous work.
  const removeContainer = () => {
    if (source.kind === 'docker') spawnSync('docker', ['rm', '--force', container], { stdio: 'ignore', timeout: 20_000 });
  };
  process.once('exit', removeContainer);
  const stop = async () => {
    process.off('exit', removeContainer);
    removeContainer();
    // It keeps nothing on disk that a gentle end would save; the guard kills it, and waits for it, when its input ends.
    running.child.stdin?.end();
    await Promise.race([running.ended, new Promise((resolve) => setTimeout(resolve, 2000).unref())]);
    await running.stop(0);
  };
  try {
    await answers(name, host, running, options.readyWithinMs ?? (source.kind === 'docker' ? 180_000 : 30_000));
  } catch (cause) {
    await stop();
    throw new Problem(503, 'emulator_failed', `The ${name} emulator did not start.\n${lines.join('\n')}`, { cause });
  }
  options.log.debug({ name, host, pid: running.child.pid }, 'emulator started');
  return { host, stop };
}

/**
 * Waits until an emulator of somebody else answers, whatever it answers: the client libraries would try in silence for a minute.
 * Throws `Problem` `emulator_failed`.
 */
export async function foundRunning(name: EmulatorName, host: string, withinMs = 5000): Promise<void> {
  const end = Date.now() + withinMs;
  while (URL.canParse(`http://${host}/`)) {
    try {
      const { body } = await request(`http://${host}/`, { signal: AbortSignal.timeout(withinMs) });
      await body.dump();
      return;
    } catch {
      if (Date.now() > end) break;
    }
    await new Promise((resolve) => setTimeout(resolve, STEP_MS));
  }
  const variable = HOST_VARIABLES[name];
  throw new Problem(
    503,
    'emulator_failed',
    `No emulator answers at ${variable}=${host}. Start it there, or give its host:port in ${variable}.`,
  );
}

async function answers(name: EmulatorName, host: string, running: GroupProcess, withinMs: number): Promise<void> {
  let ended: number | string | undefined;
  running.ended.then((how) => {
    ended = how;
  });
  const end = Date.now() + withinMs;
  while (Date.now() < end) {
    if (ended !== undefined) throw new Error(`${name} ended with ${ended}`);
    try {
      const { statusCode, body } = await request(`http://${host}/`, { signal: AbortSignal.timeout(1000) });
      await body.dump();
      if (statusCode === 200) return;
    } catch {
      // Not yet.
    }
    await new Promise((resolve) => setTimeout(resolve, STEP_MS));
  }
  throw new Error(`${name} did not answer within ${withinMs} ms`);
}

function dockerCommand(name: EmulatorName, image: string, container: string, port: number): string[] {
  const run = ['docker', 'run', '--rm', '--name', container, '--publish', `${LOOPBACK}:${port}:${port}`, image];
  return [...run, 'gcloud', 'beta', 'emulators', name, 'start', `--host-port=0.0.0.0:${port}`];
}
