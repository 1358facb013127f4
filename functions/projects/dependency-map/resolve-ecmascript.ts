/** Which modules of the project a specifier of TypeScript or JavaScript names. */

import type { Configurations, Package } from './configurations.ts';
import { folderOf, joined, matching, upwards, within } from './paths.ts';

/** In the order in which TypeScript and bundlers try them. */
const EXTENSIONS = ['.ts', '.tsx', '.d.ts', '.mts', '.d.mts', '.cts', '.d.cts', '.js', '.jsx', '.mjs', '.cjs'];
/** What is written as it will be once it is compiled. */
const COMPILED_FROM: readonly (readonly [ending: RegExp, sources: readonly string[]])[] = [
  [/\.js$/, ['.ts', '.tsx', '.d.ts', '.jsx']],
  [/\.jsx$/, ['.tsx', '.d.ts']],
  [/\.mjs$/, ['.mts', '.d.mts']],
  [/\.cjs$/, ['.cts', '.d.cts']],
];
const MAX_CONDITIONS = 1_000;

/**
 * The path of the module that a specifier of `importer` names; `undefined` for what is no module of the project. `modules` are
 * the paths of all. Conditions of `imports` and `exports` are not weighed: the first that leads to a source is taken.
 *
 * Source: Node.js, "Modules: Packages"; TypeScript, "Module resolution".
 */
export function ecmascriptResolver(
  modules: ReadonlySet<string>,
  { mappings, packages }: Configurations,
): (importer: string, specifier: string) => string | undefined {
  const named = new Map([...packages.values()].flatMap((one) => (one.name === undefined ? [] : [[one.name, one] as const])));

  return (importer, written) => {
    // A bundler's `?raw` and its like.
    const specifier = written.replace(/[?].*$/s, '');
    const folder = folderOf(importer);
    if (/^\.\.?(\/|$)/.test(specifier)) return at(joined(folder, specifier));
    if (specifier.startsWith('#')) {
      const own = nearest(packages, folder);
      return (own && mapped(own.imports, specifier, own)) ?? mappedPath(folder, specifier);
    }
    return mappedPath(folder, specifier) ?? fromPackage(specifier);
  };

  function at(path: string | undefined): string | undefined {
    if (path === undefined) return undefined;
    if (modules.has(path)) return path;
    for (const [ending, sources] of COMPILED_FROM) {
      if (!ending.test(path)) continue;
      const found = sources.map((source) => path.replace(ending, source)).find((one) => modules.has(one));
      if (found !== undefined) return found;
    }
    return first(path) ?? (packages.has(path) ? entryOf(packages.get(path) as Package) : undefined) ?? first(within(path, 'index'));
  }

  function first(path: string): string | undefined {
    return EXTENSIONS.map((extension) => path + extension).find((one) => modules.has(one));
  }

  function mappedPath(folder: string, specifier: string): string | undefined {
    const mapping = nearest(mappings, folder);
    if (mapping === undefined) return undefined;
    const row = matching(mapping.paths, specifier);
    for (const target of row?.value ?? []) {
      const found = at(target.replace('*', () => row?.star ?? ''));
      if (found !== undefined) return found;
    }
    return mapping.baseUrl === undefined ? undefined : at(joined(mapping.baseUrl, specifier));
  }

  function fromPackage(specifier: string): string | undefined {
    const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
    const one = named.get(name);
    if (one === undefined) return undefined;
    const rest = specifier.slice(name.length + 1);
    if (rest === '') return entryOf(one);
    return mapped(one.exports, `./${rest}`, one) ?? at(joined(one.folder, rest)) ?? at(joined(one.folder, `src/${rest}`));
  }

  /** Where a package is published compiled, its entry's source is at the usual places. */
  function entryOf(one: Package): string | undefined {
    const main = mapped(one.exports, '.', one);
    const stated = one.entries
      .map((entry) => joined(one.folder, entry))
      .filter((path) => path !== undefined && path !== one.folder);
    return main ?? [...stated, within(one.folder, 'src/index'), within(one.folder, 'index')].map(sourceAt).find(Boolean);
  }

  /** As `at`, but for folders that name their package again. */
  function sourceAt(path: string | undefined): string | undefined {
    return path === undefined || packages.has(path) ? undefined : at(path);
  }

  function mapped(table: unknown, key: string, one: Package): string | undefined {
    const isTable = typeof table === 'object' && table !== null && Object.keys(table).some((name) => /^[.#]/.test(name));
    const row = isTable ? matching(table as Record<string, unknown>, key) : key === '.' ? { value: table, star: '' } : undefined;
    for (const target of row === undefined ? [] : texts(row.value)) {
      if (!target.startsWith('./')) continue;
      const found = sourceAt(
        joined(
          one.folder,
          target.replaceAll('*', () => row?.star ?? ''),
        ),
      );
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

function nearest<T>(byFolder: ReadonlyMap<string, T>, folder: string): T | undefined {
  for (const one of upwards(folder)) if (byFolder.has(one)) return byFolder.get(one);
  return undefined;
}

/** Every text among conditions and alternatives, in their order. */
function texts(value: unknown): string[] {
  const found: string[] = [];
  const waiting = [value];
  for (let seen = 0; waiting.length > 0 && seen < MAX_CONDITIONS; seen += 1) {
    const next = waiting.shift();
    if (typeof next === 'string') found.push(next);
    else if (typeof next === 'object' && next !== null) waiting.unshift(...Object.values(next));
  }
  return found;
}
