import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { OutputFile, Plugin } from 'esbuild';

/** The file that says where the parsers lie. */
const NAMING = /[\\/]functions[\\/]projects[\\/].*[\\/]grammars\.ts$/;
const RESOLVED = /\bimport\.meta\.resolve\('([^']+\.wasm)'\)/g;

/** Puts each WebAssembly file that is named by its package beside the code, and has the code look for it there. */
export const wasmFiles: Plugin = {
  name: 'wasm-files',
  setup({ initialOptions: { outdir = '' }, onLoad, onEnd }) {
    const named = new Set<string>();
    onLoad({ filter: NAMING }, async ({ path }) => {
      const text = await readFile(path, 'utf8');
      const contents = text.replace(RESOLVED, (_, specifier: string) => {
        const file = fileURLToPath(import.meta.resolve(specifier));
        named.add(file);
        return `new URL('./${basename(file)}', import.meta.url).href`;
      });
      return { contents, loader: 'ts' };
    });
    onEnd(async ({ outputFiles }) => {
      for (const file of [...named].sort()) {
        const contents = await readFile(file);
        outputFiles?.push({ path: join(outdir, basename(file)), contents, hash: '', text: '' } satisfies OutputFile);
      }
    });
  },
};
