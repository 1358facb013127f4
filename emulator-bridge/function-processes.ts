/**
 * The functions of the emulator runtime: each in a process of its own, by the functions framework's command line, as the cloud
 * runs them; each with the identity of its own service account from a metadata server of its own.
 */

import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { request } from 'undici';
import type { Measure } from '../functions/core/measures.ts';
import type { Log } from '../functions/core/ports.ts';
import { freePorts, LOOPBACK } from './loopback.ts';
import { type Supervised, supervise } from './supervise.ts';

export interface FunctionProcesses {
  /** Base URLs by function name; they stay the same when a process is started again. */
  readonly urls: Readonly<Record<string, string>>;
  /** The process ids that run now. */
  pids(): Readonly<Record<string, number | undefined>>;
  restarts(name: string): number;
  /** SIGTERM to each, SIGKILL to what is left after `graceMs` (default 5 s). */
  stop(graceMs?: number): Promise<void>;
}

export interface FunctionProcessesOptions {
  readonly names: readonly string[];
  /** The environment of each, beyond `PATH` and its like; all URLs are known by then. */
  readonly environment: (name: string, urls: Readonly<Record<string, string>>) => Promise<Readonly<Record<string, string>>>;
  /** The module whose exports are the functions. */
  readonly source?: string;
  /** Called with each line that a function writes. */
  readonly onLine: (name: string, line: string) => void;
  /** Called with what a function measures. */
  readonly onMeasure?: (measure: Measure) => void;
  readonly log: Log;
}

const HERE = dirname(fileURLToPath(import.meta.url));
const FRAMEWORK = join(dirname(createRequire(import.meta.url).resolve('@google-cloud/functions-framework')), 'main.js');
const PRELOAD = join(HERE, 'loopback-only.ts');
const SOURCE = join(HERE, '../functions/index.ts');
/** Everything else of our own environment stays ours: a function gets its settings, as in the cloud. */
const INHERITED = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'NODE_V8_COVERAGE', 'NODE_COMPILE_CACHE'];

/** Starts all of them and waits until each answers `/healthz`. Rejects, with nothing left running, when one does not. */
export async function functionProcesses(options: FunctionProcessesOptions): Promise<FunctionProcesses> {
  const { names, log, source = SOURCE } = options;
  const ports = await freePorts(names.length);
  const urls = Object.fromEntries(names.map((name, i) => [name, `http://${LOOPBACK}:${ports[i]}`]));
  const inherited = Object.fromEntries(INHERITED.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));

  const results = await Promise.allSettled(
    names.map(async (name, i): Promise<[string, Supervised]> => {
      const command = [process.execPath, '--import', PRELOAD, FRAMEWORK];
      const supervised = await supervise({
        name,
        command: [...command, `--target=${name}`, `--source=${source}`, `--port=${ports[i]}`],
        spawn: {
          env: { ...inherited, NODE_ENV: 'production', ...(await options.environment(name, urls)) },
          // The channel closes when this process dies, however it does: see the preloaded module.
          stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
        },
        probe: () => healthy(urls[name] as string),
        onLine: (line) => options.onLine(name, line),
        onMessage: (message) => options.onMeasure?.(message as Measure),
        log,
      });
      return [name, supervised];
    }),
  );
  const running = new Map(results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : [])));
  const stop = async (graceMs?: number) => {
    await Promise.all([...running.values()].map((each) => each.stop(graceMs)));
  };
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) {
    await stop(0);
    throw failed.reason;
  }
  return {
    urls,
    pids: () => Object.fromEntries([...running].map(([name, each]) => [name, each.pid])),
    restarts: (name) => running.get(name)?.restarts ?? 0,
    stop,
  };
}

async function healthy(url: string): Promise<boolean> {
  try {
    const { statusCode, body } = await request(`${url}/healthz`, { signal: AbortSignal.timeout(2000) });
    await body.dump();
    return statusCode === 200;
  } catch {
    return false;
  }
}
