/** What a project's own files say of where JavaScript finds its modules. */

import withoutComments from 'strip-json-comments';
import type { FileEntry, ProjectTree } from '../../core/ports.ts';
import type { Skipped } from './find-sources.ts';
import { folderOf, joined, within } from './paths.ts';
import { contentOrReason } from './read-file.ts';

type Json = Readonly<Record<string, unknown>>;

/** Of one `tsconfig.json` with what it extends. Targets are paths from the project, with the pattern's `*` in them. */
export interface PathMapping {
  readonly baseUrl?: string;
  readonly paths: Readonly<Record<string, readonly string[]>>;
}

/** One package of the project. */
export interface Package {
  readonly folder: string;
  readonly name?: string;
  readonly imports: Json;
  /** As in `package.json`; `undefined` without one. */
  readonly exports: unknown;
  /** Paths of what is loaded by the package's own name, in the order of preference. */
  readonly entries: readonly string[];
}

export interface Configurations {
  /** By the folder that they are for. */
  readonly mappings: ReadonlyMap<string, PathMapping>;
  readonly packages: ReadonlyMap<string, Package>;
}

/** Reads them; what is no JSON (with comments) says nothing. `onSkipped` is told of what cannot be read. */
export async function readConfigurations(
  tree: ProjectTree,
  files: ReadonlyMap<string, FileEntry>,
  onSkipped: (skipped: Skipped) => void,
): Promise<Configurations> {
  const read = new Map<string, Promise<Json | undefined>>();
  const mappings = new Map<string, PathMapping>();
  const packages = new Map<string, Package>();
  const known = new Map<string, PathMapping | undefined>();
  const underWay = new Set<string>();
  for (const path of files.keys()) {
    const folder = folderOf(path);
    const name = path.slice(folder === '' ? 0 : folder.length + 1);
    if (name === 'package.json') {
      const json = await jsonAt(path);
      if (json !== undefined) packages.set(folder, packageOf(folder, json));
    } else if (name === 'tsconfig.json' || (name === 'jsconfig.json' && !files.has(within(folder, 'tsconfig.json')))) {
      const mapping = await mappingOf(path);
      if (mapping !== undefined) mappings.set(folder, mapping);
    }
  }
  return { mappings, packages };

  function jsonAt(path: string): Promise<Json | undefined> {
    const json = read.get(path) ?? readJson(tree, files.get(path), onSkipped);
    read.set(path, json);
    return json;
  }

  /** A configuration without paths that only refers to others (as one per target) has theirs. */
  async function mappingOf(path: string): Promise<PathMapping | undefined> {
    const own = await extended(path);
    if (own !== undefined) return own;
    for (const reference of list((await jsonAt(path))?.references)) {
      const target = joined(folderOf(path), String(record(reference).path ?? ''));
      const candidates = target === undefined ? [] : [target, within(target, 'tsconfig.json')];
      for (const candidate of candidates) {
        const mapping = files.has(candidate) ? await extended(candidate) : undefined;
        if (mapping !== undefined) return mapping;
      }
    }
    return undefined;
  }

  /** Read once: a file that extends another one twice would double the work with each level. One that extends itself says nothing. */
  async function extended(path: string): Promise<PathMapping | undefined> {
    if (known.has(path) || underWay.has(path)) return known.get(path);
    underWay.add(path);
    const mapping = await extending(path);
    underWay.delete(path);
    known.set(path, mapping);
    return mapping;
  }

  /** Each of `baseUrl` and `paths` from the nearest file that has it, relative to that file. */
  async function extending(path: string): Promise<PathMapping | undefined> {
    const json = await jsonAt(path);
    if (json === undefined) return undefined;
    const { baseUrl: ownBase, paths: ownPaths } = record(json.compilerOptions);
    const folder = folderOf(path);
    let inherited: PathMapping | undefined;
    for (const base of [json.extends].flat().filter((one) => typeof one === 'string' && one.startsWith('.'))) {
      const target = joined(folder, base as string);
      const found = [target, `${target}.json`].find((candidate) => candidate !== undefined && files.has(candidate));
      if (found !== undefined) inherited = { ...inherited, ...((await extended(found)) ?? { paths: {} }) };
    }
    const baseUrl = typeof ownBase === 'string' ? joined(folder, ownBase) : inherited?.baseUrl;
    if (typeof ownPaths !== 'object' || ownPaths === null) {
      return baseUrl === undefined && inherited === undefined ? undefined : { baseUrl, paths: inherited?.paths ?? {} };
    }
    const rows = Object.entries(ownPaths).map(([pattern, targets]): [string, string[]] => [
      pattern,
      list(targets).flatMap((target) => joined(baseUrl ?? folder, String(target)) ?? []),
    ]);
    return { baseUrl, paths: Object.fromEntries(rows) };
  }
}

function packageOf(folder: string, { name, imports, exports, source, types, module, main }: Json): Package {
  return {
    folder,
    ...(typeof name === 'string' && name !== '' ? { name } : {}),
    imports: record(imports),
    exports,
    entries: [source, types, module, main].filter((entry) => typeof entry === 'string'),
  };
}

async function readJson(
  tree: ProjectTree,
  file: FileEntry | undefined,
  onSkipped: (skipped: Skipped) => void,
): Promise<Json | undefined> {
  if (file === undefined) return undefined;
  const content = await contentOrReason(tree, file);
  if (typeof content === 'string') {
    onSkipped({ path: file.path, reason: content });
    return undefined;
  }
  const text = new TextDecoder().decode(content);
  try {
    return record(JSON.parse(withoutComments(text, { trailingCommas: true })));
  } catch {
    return undefined;
  }
}

const record = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
