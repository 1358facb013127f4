/** The peers' npm packages: in a folder of their own, so that they burden nobody's `npm ci`. */

import { execFile } from 'node:child_process';
import { statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, platform } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const FOLDER = fileURLToPath(new URL('.', import.meta.url));

/** Whether what `package-lock.json` names is there. */
export function peersInstalled(): boolean {
  const changed = (file: string) => statSync(`${FOLDER}${file}`, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return changed('node_modules/.package-lock.json') >= changed('package-lock.json');
}

let installing: Promise<void> | undefined;

/** Installs what is not there, once, without running the packages' own install scripts. Rejects with what npm says. */
export function installPeers(): Promise<void> {
  installing ??= peersInstalled() ? Promise.resolve() : install();
  return installing;
}

async function install(): Promise<void> {
  console.error('Installing the peers’ packages …');
  const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  await promisify(execFile)('npm', ['ci', ...options], { cwd: FOLDER }).catch((error: Error & { stderr?: string }) => {
    const said = /npm error (?!code)(.+)/.exec(error.stderr ?? '')?.[1] ?? error.message;
    throw new Error(`their packages could not be installed: ${said}`);
  });
}

/** Restate's server itself: its package's command is a script that starts it as a further process. */
export function restateServer(): string {
  return createRequire(import.meta.url).resolve(`@restatedev/restate-server-${platform()}-${arch()}/bin/restate-server`);
}
