/** The bundles that are measured against, and how one comes to lie in a folder as the platform has it. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Bundle, bundleHandler } from '../bundle/bundle-function.ts';
import type { Steps } from './cold-start-calls.ts';

/** Answers everything, and does nothing. */
export const emptyBundle = (): Promise<Bundle> =>
  bundleHandler({ name: 'empty', imports: '', handler: `(_request, response) => response.end('ok')` });

/** A function that makes these calls; with the client libraries that the calls need, and no others. */
export function bareBundle(name: string, calls: Steps): Promise<Bundle> {
  const kinds = new Set<string>(calls.flat().map(({ kind }) => kind));
  const libraries = [
    ['firestore', '@google-cloud/firestore', ['get', 'query', 'commit']] as const,
    ['pubsub', '@google-cloud/pubsub', ['publish']] as const,
    ['auth', 'google-auth-library', ['token']] as const,
  ].filter(([, , needed]) => needed.some((kind) => kinds.has(kind)));
  const imports = libraries.map(([library, path]) => `import * as ${library} from '${path}';`);
  return bundleHandler({
    name: `bare-${name}`,
    imports: [`import { bare } from './scripts/bench/cold-start-bare.ts';`, ...imports].join('\n'),
    handler: `bare({ ${libraries.map(([library]) => library).join(', ')} })`,
  });
}

export function unpacked({ files }: Bundle, folder: string): string {
  mkdirSync(folder);
  for (const [path, bytes] of Object.entries(files)) writeFileSync(join(folder, path), bytes);
  return folder;
}

/** Takes the step of the platform's build. */
export function built(folder: string): string {
  const { scripts } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { scripts: Record<string, string> };
  execFileSync(process.execPath, (scripts['gcp-build'] ?? '').split(' ').slice(1), { cwd: folder });
  return folder;
}
