/** What starts in a bundle, and what the platform's build runs in it. */

import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'esbuild';
import { COMPILE_CACHE } from '../../functions/adapters/compile-cache.ts';
import { ENTRY_POINT } from '../../infra/entry-point.ts';

export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
/** What the entry imports the handler by, and what esbuild then calls it. */
export const HANDLER = 'bundle:handler.ts';

/** Loads the rest once the compile cache is in use: what is imported in the ordinary way would be compiled before that. */
export const ENTRY = `
  import { useCompileCache } from './functions/adapters/compile-cache.ts';
  useCompileCache(import.meta.dirname);
  const { handler } = await import('${HANDLER}');
  export { handler as ${ENTRY_POINT} };
  if (import.meta.main) (await import('./functions/serve.ts')).serve(handler);
`;

/** The module of that name. */
export function handlerModule(contents: string): Plugin {
  return {
    name: 'handler-module',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: new RegExp(`^${HANDLER}$`) }, () => ({ path: 'handler.ts', namespace: 'bundle' }));
      onLoad({ filter: /.*/, namespace: 'bundle' }, () => ({ contents, resolveDir: ROOT, loader: 'ts' }));
    },
  };
}

export const COMMONJS = [
  `import { createRequire as createRequire_ } from 'node:module';`,
  `import { dirname as dirname_ } from 'node:path';`,
  `import { fileURLToPath as fileURLToPath_ } from 'node:url';`,
  'const require = createRequire_(import.meta.url);',
  'const __filename = fileURLToPath_(import.meta.url);',
  'const __dirname = dirname_(__filename);',
].join('\n');

/**
 * The platform's build runs it (`gcp-build`), as the user and on the Node that will serve: a compile cache is good for one user, one
 * version and one kind of processor, and those over there are not known here. Elsewhere it is passed over. It must not fail a build.
 *
 * Sources: Google Cloud's buildpacks, "Running a custom build step", and their images; Node's `module.enableCompileCache`.
 */
export const WARM = `import { mkdirSync, readdirSync } from 'node:fs';
import { enableCompileCache, flushCompileCache } from 'node:module';
mkdirSync('${COMPILE_CACHE}', { recursive: true });
enableCompileCache({ directory: '${COMPILE_CACHE}', portable: true });
for (const file of readdirSync('.').filter((name) => name.endsWith('.mjs') && name !== 'warm.mjs')) {
  await import('./' + file).catch((error) => console.log(file + ' is not in the compile cache: ' + error.message));
}
flushCompileCache();
process.exit(0);
`;
