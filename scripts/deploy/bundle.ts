/** One function, with everything that it needs and nothing else, as files that run without `node_modules`. */

import { createHash } from 'node:crypto';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Metafile, type Plugin } from 'esbuild';
import { zipSync } from 'fflate';
import { COMPILE_CACHE } from '../../functions/adapters/compile-cache.ts';
import { topology } from '../../functions/topology.ts';
import { ENTRY_POINT } from '../../infra/entry-point.ts';
import { lazyCommonjs, refuseOtherLazyCommonjs } from './lazy-commonjs.ts';
import { onlyNeeded } from './only-needed.ts';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
/** Nothing is written there: source maps and chunk names are made relative to it, so it has to be the same everywhere. */
const OUTPUT = join(ROOT, '.heliograph/bundles');

/** What the entry imports the handler by, and what esbuild then calls it. */
const HANDLER = 'bundle:handler.ts';

export interface Bundle {
  readonly name: string;
  /** By path inside the archive. */
  readonly files: Readonly<Record<string, Uint8Array>>;
  /** Bytes of code: in all, and in what is loaded before the first request. */
  readonly bytes: { readonly all: number; readonly start: number };
  /** Bytes of code by package, the heaviest first; `heliograph` is our own. */
  readonly packages: readonly (readonly [name: string, bytes: number])[];
}

/** Bundles one function of the topology. */
export async function bundleFunction(name: string): Promise<Bundle> {
  const row = topology.functions[name];
  if (row === undefined) throw new TypeError(`The topology has no function ${name}.`);
  const room = name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
  const imports = `
    import { handlerOf } from './functions/handler.ts';
    import { ${room} } from './functions/${name}/index.ts';`;
  return bundleHandler({
    name,
    imports,
    handler: `handlerOf(${JSON.stringify(name)}, ${room})`,
    plugins: [onlyNeeded(row), lazyCommonjs],
  });
}

/** A handler as source text: an expression, and what it imports, by paths from this project's folder. */
export interface HandlerSource {
  readonly name: string;
  readonly imports: string;
  readonly handler: string;
  readonly plugins?: Plugin[];
}

/**
 * Bundles one handler: minified but for its names, with source maps. Split, since one file would be parsed whole at each
 * start: what is imported lazily is loaded lazily. The same sources give the same bytes. Started by itself it serves; loaded by
 * the platform's functions framework it only exports the handler.
 */
export async function bundleHandler({ name, imports, handler, plugins = [] }: HandlerSource): Promise<Bundle> {
  const { outputFiles, metafile } = await build({
    stdin: { contents: ENTRY, resolveDir: ROOT, sourcefile: 'entry.ts', loader: 'ts' },
    absWorkingDir: ROOT,
    outdir: join(OUTPUT, name),
    entryNames: 'index',
    outExtension: { '.js': '.mjs' },
    write: false,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    // Not the identifiers: stack traces and error names stay readable, and nothing has to put names back at the start.
    minifyWhitespace: true,
    minifySyntax: true,
    sourcemap: 'linked',
    sourcesContent: false,
    legalComments: 'none',
    metafile: true,
    // The client libraries are CommonJS and call `require` for Node's own modules.
    banner: { js: COMMONJS },
    plugins: [handlerModule(`${imports}\nexport const handler = ${handler};`), ...plugins],
    logLevel: 'silent',
  });
  refuseOtherLazyCommonjs(metafile);
  const files = Object.fromEntries(outputFiles.map(({ path, contents }) => [relative(join(OUTPUT, name), path), contents]));
  const manifest = {
    name: `heliograph-${name}`,
    private: true,
    type: 'module',
    main: 'index.mjs',
    scripts: { start: 'node index.mjs', 'gcp-build': 'node warm.mjs' },
  };
  files['warm.mjs'] = Buffer.from(WARM);
  files['package.json'] = Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`);
  return { name, files, bytes: codeBytes(metafile, name), packages: packageBytes(metafile) };
}

/** The archive of a bundle, named by a hash of what is in it: the same files give the same archive, byte for byte. */
export function archiveOf({ name, files }: Bundle): { readonly file: string; readonly bytes: Uint8Array } {
  const sorted = Object.fromEntries(Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1)));
  // The format has times from 1980 on, and in local time.
  const bytes = zipSync(sorted, { level: 6, mtime: new Date(1980, 0, 2) });
  const hash = createHash('sha256').update(bytes).digest('hex').slice(0, 16);
  return { file: `${name}-${hash}.zip`, bytes };
}

/** Loads the rest once the compile cache is in use: what is imported in the ordinary way would be compiled before that. */
const ENTRY = `
  import { useCompileCache } from './functions/adapters/compile-cache.ts';
  useCompileCache(import.meta.dirname);
  const { handler } = await import('${HANDLER}');
  export { handler as ${ENTRY_POINT} };
  if (import.meta.main) (await import('./functions/serve.ts')).serve(handler);
`;

function handlerModule(contents: string): Plugin {
  return {
    name: 'handler-module',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: new RegExp(`^${HANDLER}$`) }, () => ({ path: 'handler.ts', namespace: 'bundle' }));
      onLoad({ filter: /.*/, namespace: 'bundle' }, () => ({ contents, resolveDir: ROOT, loader: 'ts' }));
    },
  };
}

const COMMONJS = [
  `import { createRequire as createRequire_ } from 'node:module';`,
  `import { dirname as dirname_ } from 'node:path';`,
  `import { fileURLToPath as fileURLToPath_ } from 'node:url';`,
  'const require = createRequire_(import.meta.url);',
  'const __filename = fileURLToPath_(import.meta.url);',
  'const __dirname = dirname_(__filename);',
].join('\n');

/**
 * The platform's build runs it (`gcp-build`) on the Node that will serve: a compile cache is good for one version alone, and the
 * one over there is not known here. It must not fail a build.
 *
 * Source: Google Cloud's buildpacks, "Running a custom build step".
 */
const WARM = `import { mkdirSync, readdirSync } from 'node:fs';
import { enableCompileCache, flushCompileCache } from 'node:module';
mkdirSync('${COMPILE_CACHE}', { recursive: true });
enableCompileCache({ directory: '${COMPILE_CACHE}', portable: true });
for (const file of readdirSync('.').filter((name) => name.endsWith('.mjs') && name !== 'warm.mjs')) {
  await import('./' + file).catch((error) => console.log(file + ' is not in the compile cache: ' + error.message));
}
flushCompileCache();
process.exit(0);
`;

function codeBytes({ outputs }: Metafile, name: string): Bundle['bytes'] {
  const code = Object.entries(outputs).filter(([path]) => path.endsWith('.mjs'));
  const all = code.reduce((sum, [, { bytes }]) => sum + bytes, 0);
  const start = new Set<string>();
  const load = (path: string): void => {
    if (start.has(path)) return;
    start.add(path);
    for (const { path: imported, kind } of outputs[path]?.imports ?? []) {
      if (kind === 'import-statement' && outputs[imported]) load(imported);
    }
  };
  load(`.heliograph/bundles/${name}/index.mjs`);
  for (const [path, { entryPoint }] of Object.entries(outputs)) if (entryPoint === HANDLER) load(path);
  return { all, start: [...start].reduce((sum, path) => sum + (outputs[path]?.bytes ?? 0), 0) };
}

function packageBytes({ outputs }: Metafile): [string, number][] {
  const bytes = new Map<string, number>();
  for (const { inputs } of Object.values(outputs)) {
    for (const [path, { bytesInOutput }] of Object.entries(inputs)) {
      const name = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? 'heliograph';
      bytes.set(name, (bytes.get(name) ?? 0) + bytesInOutput);
    }
  }
  return [...bytes].sort(([, a], [, b]) => b - a);
}
