/**
 * The laws of the layout, checked on the imports and calls of every file: imports point inward, rooms do not import rooms, core
 * imports no cloud SDK, and time, chance and the network are reached through adapters alone.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const SDKS = /^(@google-cloud\/|google-auth-library|google-gax|@grpc\/|undici|node:(http|https|net|tls|dns|sqlite|fs)(\/|$))/;
/** Types alone do not bind core to an implementation. */
const TYPE_ONLY = /^\s*import type /;
const IMPURE: readonly (readonly [RegExp, string])[] = [
  [/\bDate\.now\(|\bnew Date\(\)/, 'reads the clock'],
  [/\bMath\.random\(|\brandomBytes\(|\brandomUUID\(/, 'takes chance'],
  [/(?<![.\w])set(Timeout|Interval)\(/, 'sets a timer'],
  [/(?<![.\w])fetch\(/, 'calls the network'],
];

export interface SourceFile {
  /** Relative to the project, `/`-separated. */
  readonly path: string;
  readonly text: string;
}

/** Every broken law, one line each: file, line and what is wrong. */
export function brokenLaws(files: readonly SourceFile[]): string[] {
  return files.flatMap(({ path, text }) =>
    text.split('\n').flatMap((line, index) => problemsOf(path, line).map((problem) => `${path}:${index + 1} ${problem}`)),
  );
}

function problemsOf(path: string, line: string): string[] {
  const from = layerOf(path);
  if (from === undefined) return [];
  const specifier = /(?:^|\s)(?:import|export)\b[^'"]*?from\s+'([^']+)'|^\s*import\s+'([^']+)'|\bimport\('([^']+)'\)/
    .exec(line)
    ?.slice(1)
    .find(Boolean);
  const problems: string[] = [];
  if (specifier !== undefined) problems.push(...importProblems(path, from, specifier, TYPE_ONLY.test(line)));
  if (from !== 'adapters' && !/^\s*(\*|\/\/)/.test(line)) {
    for (const [pattern, what] of IMPURE) if (pattern.test(line)) problems.push(`${what} outside adapters`);
  }
  return problems;
}

function importProblems(path: string, from: string, specifier: string, typeOnly: boolean): string[] {
  if (!specifier.startsWith('.')) {
    const sdk = SDKS.test(specifier) && !typeOnly;
    return sdk && from !== 'adapters' && from !== 'contents' ? [`imports ${specifier}, which only adapters may`] : [];
  }
  const target = layerOf(relative(ROOT, resolve(ROOT, dirname(path), specifier)).replaceAll('\\', '/'));
  if (target === undefined) return [`imports ${specifier}, which lies outside functions/`];
  if (from === 'contents') return [];
  if (from === 'keystone') return ['imports something; the topology imports nothing'];
  if (target === from || target === 'keystone' || target === 'core') return [];
  if (from === 'adapters' && target === 'manifest') return [];
  return [`imports ${specifier}: ${from} may not import ${target}`];
}

/** The layer of a file under `functions/`: keystone, contents, core, adapters, or the room's name. */
function layerOf(path: string): string | undefined {
  if (path === 'package.json') return 'manifest';
  const [, first, rest] = /^functions\/([^/]+)(\/.*)?$/.exec(path) ?? [];
  if (first === undefined) return undefined;
  if (rest !== undefined) return first;
  return first === 'topology.ts' ? 'keystone' : 'contents';
}

/** The project's own files under `functions/`. */
export function functionFiles(): SourceFile[] {
  return readdirSync(join(ROOT, 'functions'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => ({
      path: `functions/${name.replaceAll('\\', '/')}`,
      text: readFileSync(join(ROOT, 'functions', name), 'utf8'),
    }));
}

if (import.meta.main) {
  const broken = brokenLaws(functionFiles());
  for (const line of broken) console.error(line);
  console.log(broken.length === 0 ? 'Layers: every import points inward.' : `Layers: ${broken.length} broken laws.`);
  process.exitCode = broken.length === 0 ? 0 : 1;
}
