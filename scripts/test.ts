/**
 * `npm test`: every `*.test.ts`; with `--long` every `*.long.ts` instead; with names, only files whose path contains one.
 *
 * Says which suites ran, in particular whether Google's emulators were there, and fails when a test leaves something running.
 */

import { globSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import Mocha from 'mocha';
import { findEmulators } from '../emulator-bridge/emulators.ts';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const SETTLE_MS = 10_000;

const long = process.argv.includes('--long');
const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const files = globSync(`test/**/*.${long ? 'long' : 'test'}.ts`, { cwd: ROOT })
  .sort()
  .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)));

const emulators = await findEmulators().then(
  (found) => ({ found }),
  (error: Error) => ({ missing: error.message }),
);
process.env.HELIOGRAPH_TEST_EMULATORS = 'found' in emulators ? 'yes' : 'no';

const mocha = new Mocha({
  timeout: long ? 600_000 : 30_000,
  slow: 2_000,
  reporter: process.env.CI ? 'dot' : 'spec',
  forbidOnly: Boolean(process.env.CI),
});
for (const file of files) mocha.addFile(resolve(ROOT, file));
await mocha.loadFilesAsync();

const counts = { passed: 0, failed: 0, pending: 0 };
const suites = new Map<string, number>();
let onEmulators = 0;
const started = performance.now();
mocha
  .run((failures) => finish(failures))
  .on('pass', (test) => count(test, 'passed'))
  .on('fail', (test) => count(test as Mocha.Test, 'failed'))
  .on('pending', (test) => count(test, 'pending'));

function count(test: Mocha.Test, kind: keyof typeof counts): void {
  counts[kind] += 1;
  if (kind !== 'pending' && /emulator/i.test(test.fullTitle())) onEmulators += 1;
  const folder = test.file?.slice(ROOT.length + 1).split('/')[1] ?? 'others';
  suites.set(folder, (suites.get(folder) ?? 0) + 1);
}

function finish(failures: number): void {
  process.exitCode = failures > 0 || counts.passed === 0 ? 1 : 0;
  console.log(`\nSuites: ${[...suites].map(([name, tests]) => `${name} ${tests}`).join(', ')}`);
  console.log(
    'found' in emulators
      ? `Emulators: ${onEmulators} tests ran on or about Google's emulators.`
      : `Emulators: NOT RUN. ${emulators.missing}`,
  );
  console.log(`${((performance.now() - started) / 1000).toFixed(1)} s`);
  console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.pending} skipped`);
  setTimeout(() => {
    console.error(`The tests have left something running: ${process.getActiveResourcesInfo().join(', ')}`);
    process.exit(1);
  }, SETTLE_MS).unref();
}
