/**
 * `npm test`: every `*.test.ts`; with `--long` every `*.long.ts` instead; with names, only files whose path contains one.
 *
 * Says which suites ran, in particular whether Google's emulators were there, and fails when a test leaves something running. The
 * files go to two processes, which wait more than they work; with `--long` to one, since those measure and kill.
 */

import { fork } from 'node:child_process';
import { globSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import Mocha from 'mocha';
import { findEmulators } from '../emulator-bridge/emulators.ts';

const SELF = fileURLToPath(import.meta.url);
const ROOT = resolve(dirname(SELF), '..');
const SETTLE_MS = 10_000;
/** Fewer files are not worth a second start of the emulators. */
const FILES_OF_TWO = 40;

/** What one process tells of its files. */
interface Outcome {
  readonly counts: { passed: number; failed: number; pending: number };
  /** Tests by folder. */
  readonly suites: Record<string, number>;
  onEmulators: number;
}

const args = process.argv.slice(2);
const long = args.includes('--long');
const [, part, parts] = /^--part=(\d+)\/(\d+)$/.exec(args.find((argument) => argument.startsWith('--part=')) ?? '') ?? [];
const wanted = args.filter((argument) => !argument.startsWith('--'));
const files = globSync(`test/**/*.${long ? 'long' : 'test'}.ts`, { cwd: ROOT })
  .sort()
  .filter((file) => wanted.length === 0 || wanted.some((name) => file.includes(name)));

const emulators = await findEmulators().then(
  (found) => ({ found }),
  (error: Error) => ({ missing: error.message }),
);
process.env.HELIOGRAPH_TEST_EMULATORS = 'found' in emulators ? 'yes' : 'no';

const started = performance.now();
if (part !== undefined) {
  const outcome = await run(files.filter((_, place) => place % Number(parts) === Number(part) - 1));
  process.send?.(outcome, () => process.disconnect());
} else if (long || availableParallelism() < 2 || files.length < FILES_OF_TWO) tell(await run(files));
else tell(together(await Promise.all([inProcess(1, 2), inProcess(2, 2)])));

/** Runs the files in this process, which is to end by itself soon after. */
async function run(own: readonly string[]): Promise<Outcome> {
  const mocha = new Mocha({
    timeout: long ? 600_000 : 30_000,
    slow: 2_000,
    reporter: process.env.CI ? 'dot' : 'spec',
    forbidOnly: Boolean(process.env.CI),
  });
  for (const file of own) mocha.addFile(resolve(ROOT, file));
  await mocha.loadFilesAsync();
  const outcome: Outcome = { counts: { passed: 0, failed: 0, pending: 0 }, suites: {}, onEmulators: 0 };
  const count = (test: Mocha.Test, kind: keyof Outcome['counts']): void => {
    outcome.counts[kind] += 1;
    if (kind !== 'pending' && /emulator/i.test(test.fullTitle())) outcome.onEmulators += 1;
    const folder = test.file?.slice(ROOT.length + 1).split('/')[1] ?? 'others';
    outcome.suites[folder] = (outcome.suites[folder] ?? 0) + 1;
  };
  await new Promise<void>((resolve) => {
    mocha
      .run(() => resolve())
      .on('pass', (test) => count(test, 'passed'))
      .on('fail', (test) => count(test as Mocha.Test, 'failed'))
      .on('pending', (test) => count(test, 'pending'));
  });
  setTimeout(() => {
    console.error(`The tests have left something running: ${process.getActiveResourcesInfo().join(', ')}`);
    process.exit(1);
  }, SETTLE_MS).unref();
  return outcome;
}

/** Runs one part in a process of its own. What the first one prints is seen at once, the others' when they have ended. */
function inProcess(which: number, of: number): Promise<Outcome> {
  const child = fork(SELF, [...args, `--part=${which}/${of}`], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  const printed: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => (which === 1 ? process.stdout.write(chunk) : printed.push(chunk)));
  }
  let outcome: Outcome = { counts: { passed: 0, failed: 1, pending: 0 }, suites: {}, onEmulators: 0 };
  child.on('message', (told: Outcome) => {
    outcome = told;
  });
  return new Promise((resolve) => {
    child.on('exit', (code) => {
      process.stdout.write(Buffer.concat(printed));
      if (code !== 0) process.exitCode = 1;
      resolve(outcome);
    });
  });
}

function together(outcomes: readonly Outcome[]): Outcome {
  const sum: Outcome = { counts: { passed: 0, failed: 0, pending: 0 }, suites: {}, onEmulators: 0 };
  for (const { counts, suites, onEmulators } of outcomes) {
    for (const kind of ['passed', 'failed', 'pending'] as const) sum.counts[kind] += counts[kind];
    for (const [folder, tests] of Object.entries(suites)) sum.suites[folder] = (sum.suites[folder] ?? 0) + tests;
    sum.onEmulators += onEmulators;
  }
  return sum;
}

function tell({ counts, suites, onEmulators }: Outcome): void {
  if (counts.failed > 0 || counts.passed === 0) process.exitCode = 1;
  const folders = Object.entries(suites).sort();
  console.log(`\nSuites: ${folders.map(([name, tests]) => `${name} ${tests}`).join(', ')}`);
  console.log(
    'found' in emulators
      ? `Emulators: ${onEmulators} tests ran on or about Google's emulators.`
      : `Emulators: NOT RUN. ${emulators.missing}`,
  );
  console.log(`${((performance.now() - started) / 1000).toFixed(1)} s`);
  console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.pending} skipped`);
}
