/** A dependency map as JSON. */

import type { DependencyMap } from './dependency-map.ts';
import type { Skipped } from './find-sources.ts';
import { type Cycle, cycles, type Graph, importers } from './graph.ts';

/** One module, as the source's reply has it. */
export interface ModuleView {
  readonly path: string;
  readonly imports: readonly string[];
  /** Imports nothing of the project, and nothing imports it. */
  readonly is_isolated: boolean;
  /** Imported by more than one. */
  readonly is_shared: boolean;
}

/** By module. A name may be any text, `__proto__` too. */
export function mapView({ modules }: DependencyMap): Record<string, ModuleView> {
  const counts = importers(graphOf(modules));
  const rows = [...modules].map(([name, { path, imports }]): [string, ModuleView] => {
    const count = counts.get(name) ?? 0;
    return [name, { path, imports, is_isolated: count === 0 && imports.length === 0, is_shared: count > 1 }];
  });
  return Object.fromEntries(rows);
}

/** What a map as a whole shows. Names are in order; `skipped` are files that are not in it, or without their imports. */
export interface Summary {
  readonly modules: number;
  readonly imports: number;
  /** Import others, and nothing imports them. */
  readonly roots: readonly string[];
  /** Are imported, and import nothing of the project. */
  readonly leaves: readonly string[];
  readonly isolated: readonly string[];
  readonly shared: readonly string[];
  readonly cycles: readonly Cycle[];
  readonly skipped: readonly Skipped[];
}

export function summaryView({ modules, skipped }: DependencyMap): Summary {
  const graph = graphOf(modules);
  const counts = importers(graph);
  const where = (wanted: (imports: number, importedBy: number) => boolean): string[] =>
    [...graph].filter(([name, imports]) => wanted(imports.length, counts.get(name) ?? 0)).map(([name]) => name);
  return {
    modules: graph.size,
    imports: [...graph.values()].reduce((sum, { length }) => sum + length, 0),
    roots: where((imports, importedBy) => imports > 0 && importedBy === 0),
    leaves: where((imports, importedBy) => imports === 0 && importedBy > 0),
    isolated: where((imports, importedBy) => imports === 0 && importedBy === 0),
    shared: where((_, importedBy) => importedBy > 1),
    cycles: cycles(graph),
    skipped,
  };
}

/** The names alone. */
export const graphOf = (modules: DependencyMap['modules']): Graph =>
  new Map([...modules].map(([name, { imports }]) => [name, imports]));
