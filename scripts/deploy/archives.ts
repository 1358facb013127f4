import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { topology } from '../../functions/topology.ts';
import { archiveOf, type Bundle, bundleFunction } from './bundle.ts';

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

/** Tells Terraform, in the folder that it runs in, where the archives are. Gives the file's path. */
export function nameArchives(folder: string, archives: Readonly<Record<string, string>>): string {
  const path = join(folder, 'archives.auto.tfvars.json');
  writeFileSync(path, `${JSON.stringify({ archives }, null, 2)}\n`);
  return path;
}

export const pathsOf = (archives: readonly Archive[]): Record<string, string> =>
  Object.fromEntries(archives.map(({ bundle, path }) => [bundle.name, path]));
