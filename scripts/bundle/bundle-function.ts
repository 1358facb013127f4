/** One function, with everything that it needs and nothing else, as files that run without `node_modules`. */

import { createHash } from 'node:crypto';
import { join, relative } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { zipSync } from 'fflate';
import { Problem } from '../../functions/core/errors.ts';
import { topology } from '../../functions/topology.ts';
import { atStart, bytesOf, packageBytes } from './bytes.ts';
import { COMMONJS, ENTRY, handlerModule, ROOT, WARM } from './entry.ts';
import { lazyCommonjs, refuseOtherLazyCommonjs } from './lazy-commonjs.ts';
import { onlyNeeded } from './only-needed.ts';
import { plainHttp } from './plain-http.ts';
import { wasmFiles } from './wasm-files.ts';
import { withoutNative } from './without-native.ts';

/** Nothing is written there: source maps and chunk names are made relative to it, so it has to be the same everywhere. */
const OUTPUT = join(ROOT, '.heliograph/bundles');

export interface Bundle {
  readonly name: string;
  /** By path inside the archive. */
  readonly files: Readonly<Record<string, Uint8Array>>;
  /** Bytes of code: in all, and in what is loaded before the first request. */
  readonly bytes: { readonly all: number; readonly start: number };
  /** Bytes of code by package, the heaviest first; `heliograph` is our own. */
  readonly packages: readonly (readonly [name: string, bytes: number])[];
  /** Those of which something is loaded before the first request. */
  readonly startPackages: readonly string[];
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
    plugins: [onlyNeeded(row), lazyCommonjs, wasmFiles],
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
 * the platform's functions framework it only exports the handler. Throws `Problem` `bundle_failed`, with file and line.
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
    plugins: [handlerModule(`${imports}\nexport const handler = ${handler};`), plainHttp, withoutNative, ...plugins],
    logLevel: 'silent',
  }).catch((error: Error) => {
    throw new Problem(422, 'bundle_failed', `${name} cannot be bundled. ${error.message}`, { cause: error });
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
  const start = atStart(metafile, name);
  const code = Object.entries(metafile.outputs).flatMap(([path, output]) => (path.endsWith('.mjs') ? [output] : []));
  return {
    name,
    files,
    bytes: { all: bytesOf(code), start: bytesOf(start) },
    packages: packageBytes(code),
    startPackages: packageBytes(start).map(([each]) => each),
  };
}

/** The archive of a bundle, named by a hash of what is in it: the same files give the same archive, byte for byte. */
export function archiveOf({ name, files }: Bundle): { readonly file: string; readonly bytes: Uint8Array } {
  const sorted = Object.fromEntries(Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1)));
  // The format has times from 1980 on, and in local time.
  const bytes = zipSync(sorted, { level: 6, mtime: new Date(1980, 0, 2) });
  return { file: archiveFile(name, bytes), bytes };
}

/** What an archive is called. */
export function archiveFile(name: string, bytes: Uint8Array): string {
  return `${name}-${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}.zip`;
}
