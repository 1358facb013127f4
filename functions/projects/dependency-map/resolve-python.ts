/** Which modules of the project an import of Python names. */

import type { PythonImport } from './python.ts';

export interface PythonModule {
  /** The parts of its dotted name. */
  readonly parts: readonly string[];
  readonly isPackage: boolean;
  readonly imports: readonly PythonImport[];
}

/** A folder that holds the packages of a project, and is none itself. */
const SOURCE_FOLDER = 'src';

/**
 * The dotted names of the modules that a module imports, each the most specific one: `import a.b.c` names `a.b.c` alone, though
 * Python loads `a` and `a.b` on the way, since otherwise each module would depend on each package around it. A name that is no
 * module is an attribute of the package it is imported from.
 *
 * Source: The Python Language Reference, "The import statement" and "The import system".
 */
export function pythonResolver(modules: readonly PythonModule[]): (importer: PythonModule) => Set<string> {
  const importable = modules.filter(({ parts }) => !parts.some((part) => part.includes('.')));
  const packages = new Map(importable.map(({ parts, isPackage }) => [parts.join('.'), isPackage]));
  const deepest = modules.reduce((most, { parts }) => Math.max(most, parts.length), 0);
  const roots = packages.has(SOURCE_FOLDER) ? [[]] : [[], [SOURCE_FOLDER]];

  return (importer) => {
    const found = new Set<string>();
    for (const one of importer.imports) for (const name of targets(importer, one)) found.add(name);
    // Python has a module while it is still being loaded.
    found.delete(importer.parts.join('.'));
    return found;
  };

  function targets(importer: PythonModule, one: PythonImport): string[] {
    if (one.level > 0) {
      const home = importer.isPackage ? importer.parts : importer.parts.slice(0, -1);
      const up = home.length - (one.level - 1);
      return up < 0 ? [] : inside([...home.slice(0, up), ...one.module], one.names);
    }
    for (const root of roots) {
      const names = inside([...root, ...one.module], one.names);
      if (names.length > 0) return names;
    }
    return [];
  }

  /** What of a module, or of the folder that makes it a package, is named. */
  function inside(module: readonly string[], names: readonly string[] | undefined): string[] {
    const itself = nearest(module);
    if (names === undefined) return itself;
    const modules = names.map((name) => [...module, name].join('.')).filter((name) => packages.has(name));
    return modules.length < names.length || names.length === 0 ? [...modules, ...itself] : modules;
  }

  /** The module itself; else the package that it would have to be in: something is there that is no source, or nothing. */
  function nearest(module: readonly string[]): string[] {
    const exact = module.join('.');
    if (packages.has(exact)) return [exact];
    for (let length = Math.min(module.length - 1, deepest); length > 0; length -= 1) {
      const name = module.slice(0, length).join('.');
      const isPackage = packages.get(name);
      if (isPackage !== undefined) return isPackage ? [name] : [];
    }
    return [];
  }
}
