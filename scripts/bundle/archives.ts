import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { Problem } from '../../functions/core/errors.ts';
import { topology } from '../../functions/topology.ts';
import { archiveFile, archiveOf, type Bundle, bundleFunction } from './bundle-function.ts';

/** Terraform reads what is called so. */
const NAMES = 'archives.auto.tfvars.json';

export interface Archive {
  readonly bundle: Bundle;
  readonly path: string;
  readonly bytes: number;
}

/** Bundles every function and writes the archives into a folder. Their names hold a hash of what is in them. */
export async function writeArchives(folder: string): Promise<readonly Archive[]> {
  mkdirSync(folder, { recursive: true });
  const bundles = await Promise.all(Object.keys(topology.functions).map(bundleFunction));
  return bundles.map((bundle) => {
    const { file, bytes } = archiveOf(bundle);
    const path = join(folder, file);
    writeFileSync(path, bytes);
    return { bundle, path, bytes: bytes.length };
  });
}

/**
 * The archives that `npm run bundle` has written into a folder, by function; the folder may have been moved since. Throws `Problem`
 * `archives_missing`, `archives_changed`: one whose bytes are not those that its name was made of is not what was tried out.
 */
export function readArchives(folder: string): Readonly<Record<string, string>> {
  const file = join(resolve(folder), NAMES);
  if (!existsSync(file)) throw missing(`There are no archives in ${folder}: it has no ${NAMES}.`);
  const { archives } = JSON.parse(readFileSync(file, 'utf8')) as { archives: Record<string, string> };
  const paths = Object.keys(topology.functions).map((name): [string, string] => {
    const path = join(resolve(folder), basename(archives[name] ?? ''));
    if (archives[name] === undefined || !existsSync(path)) throw missing(`There is no archive of ${name} in ${folder}.`);
    if (basename(path) !== archiveFile(name, readFileSync(path))) {
      throw new Problem(422, 'archives_changed', `${path} is not the archive that was made: its name is a hash of other bytes.`);
    }
    return [name, path];
  });
  return Object.fromEntries(paths);
}

/** Tells Terraform, in the folder that it runs in, where the archives are. Gives the file's path. */
export function nameArchives(folder: string, archives: Readonly<Record<string, string>>): string {
  const path = join(folder, NAMES);
  writeFileSync(path, `${JSON.stringify({ archives }, null, 2)}\n`);
  return path;
}

export const pathsOf = (archives: readonly Archive[]): Record<string, string> =>
  Object.fromEntries(archives.map(({ bundle, path }) => [bundle.name, path]));

const missing = (message: string) =>
  new Problem(422, 'archives_missing', `${message} To make them: npm run bundle -- --out <folder>`);
