import { readFile } from 'node:fs/promises';
import type { Metafile, Plugin } from 'esbuild';

/** The files that import CommonJS packages lazily. */
const IMPORTERS = /[\\/](functions[\\/]adapters|(gaxios|@google-cloud[\\/]storage)[\\/]build)[\\/].*\.[cm]?[jt]s$/;
const LAZY_IMPORT = /\bimport\((['"])([^'"./][^'"]*)\1\)/g;
/** A chunk of an ES module has names of its own, one of CommonJS the default alone. */
const UNWRAP = `(module) => (Object.keys(module).length === 1 && 'default' in module ? module.default : module)`;

/**
 * Gives a lazy import of a CommonJS package the names that Node gives it. Where esbuild splits, such a package becomes a chunk
 * that exports its `module.exports` as the default and nothing else.
 */
export const lazyCommonjs: Plugin = {
  name: 'lazy-commonjs',
  setup({ onLoad }) {
    onLoad({ filter: IMPORTERS }, async ({ path }) => {
      const text = await readFile(path, 'utf8');
      const contents = text.replace(LAZY_IMPORT, (whole) => `${whole}.then(${UNWRAP})`);
      return { contents, loader: path.endsWith('.ts') ? 'ts' : 'js' };
    });
  },
};

/** Throws for a lazy import of CommonJS that the plugin does not know of: it would give the importer an empty module. */
export function refuseOtherLazyCommonjs({ inputs }: Metafile): void {
  for (const [importer, { imports }] of Object.entries(inputs)) {
    for (const { kind, path, external } of imports) {
      if (kind !== 'dynamic-import' || external || inputs[path]?.format !== 'cjs' || IMPORTERS.test(`/${importer}`)) continue;
      throw new Error(`${importer} imports ${path} lazily: add it to the importers of lazy-commonjs.ts.`);
    }
  }
}
