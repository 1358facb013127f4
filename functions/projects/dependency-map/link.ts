/** From files and what they say to modules and what they import. */

import type { FileEntry, ProjectTree } from '../../core/ports.ts';
import { readConfigurations } from './configurations.ts';
import type { Skipped } from './find-sources.ts';
import type { PythonImport } from './python.ts';
import { ecmascriptResolver } from './resolve-ecmascript.ts';
import { type PythonModule, pythonResolver } from './resolve-python.ts';

export interface ParsedFile {
  readonly path: string;
  readonly kind: 'python' | 'ecmascript';
  readonly imports: readonly (PythonImport | string)[];
}

/** One module: its file, from the project's folder, and the modules of the project that it imports, by name, in order. */
export interface MappedModule {
  readonly path: string;
  readonly imports: readonly string[];
}

interface Linked {
  /** By name, in its order. */
  readonly modules: ReadonlyMap<string, MappedModule>;
  readonly skipped: readonly Skipped[];
}

/** Python's modules have their dotted names, the others their paths. */
export async function linked(
  tree: ProjectTree,
  files: readonly ParsedFile[],
  configurations: ReadonlyMap<string, FileEntry>,
): Promise<Linked> {
  const { modules: python, skipped } = pythonModules(
    tree,
    files.filter(({ kind }) => kind === 'python'),
  );
  const others = files.filter(({ kind }) => kind === 'ecmascript');
  const found = new Map<string, MappedModule>();

  const importsOf = pythonResolver([...python.values()]);
  for (const [name, module] of python) found.set(name, { path: module.path, imports: [...importsOf(module)].sort() });

  if (others.length > 0) {
    const resolve = ecmascriptResolver(
      new Set(others.map(({ path }) => path)),
      await readConfigurations(tree, configurations, (one) => skipped.push(one)),
    );
    // A folder `a` with `ts.py` in it is the module `a.ts` as well.
    const nameOf = (path: string): string => (python.has(path) ? `./${path}` : path);
    for (const { path, imports } of others) {
      const targets = new Set(imports.flatMap((specifier) => resolve(path, specifier as string) ?? []));
      targets.delete(path);
      found.set(nameOf(path), { path, imports: [...targets].map(nameOf).sort() });
    }
  }
  return { modules: new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1))), skipped };
}

type PythonFile = PythonModule & { readonly path: string };

/** A folder that is a package itself gives its name to what is in it. */
function pythonModules(
  tree: ProjectTree,
  files: readonly ParsedFile[],
): { readonly modules: ReadonlyMap<string, PythonFile>; readonly skipped: Skipped[] } {
  const isPackage = files.some(({ path }) => path === '__init__.py');
  const prefix = isPackage ? [tree.projectPath.replace(/\/+$/, '').split('/').at(-1) ?? ''] : [];
  const modules = new Map<string, PythonFile>();
  const skipped: Skipped[] = [];
  // Where both are there, Python takes the package; a file with a dot in its name it never finds.
  const rank = ({ path }: ParsedFile): number => (path.slice(0, -'.py'.length).includes('.') ? 2 : isInit(path) ? 0 : 1);
  for (const file of [...files].sort((a, b) => rank(a) - rank(b))) {
    const own = file.path.slice(0, -'.py'.length).split('/');
    const parts = [...prefix, ...(isInit(file.path) ? own.slice(0, -1) : own)];
    const name = parts.join('.');
    const other = modules.get(name);
    if (other !== undefined) skipped.push({ path: file.path, reason: `has the same name, ${name}, as ${other.path}` });
    else {
      const imports = file.imports as readonly PythonImport[];
      modules.set(name, { path: file.path, parts, isPackage: isInit(file.path), imports });
    }
  }
  return { modules, skipped };
}

const isInit = (path: string): boolean => path === '__init__.py' || path.endsWith('/__init__.py');
