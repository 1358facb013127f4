/** Where the boxes of a drawing stand: in layers, from what nothing imports on the left to what imports nothing on the right. */

import { components, type Graph } from './graph.ts';

/** The rows of each column, from above; and apart what neither imports nor is imported. */
export interface Layout {
  readonly columns: readonly (readonly string[])[];
  readonly isolated: readonly string[];
}

const SWEEPS = 6;

/**
 * Members of a cycle share a layer: no order is the right one. Within its layer a module is put near what it is connected with, so
 * that fewer lines cross.
 *
 * Source: Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical system structures", 1981 (layers, barycenters).
 */
export function layout(graph: Graph): Layout {
  const importedBy = new Map<string, string[]>([...graph.keys()].map((name) => [name, []]));
  for (const [name, imports] of graph) for (const target of imports) importedBy.get(target)?.push(name);
  const isIsolated = (name: string) => graph.get(name)?.length === 0 && importedBy.get(name)?.length === 0;

  const layers = layersOf(graph);
  const columns: string[][] = [];
  for (const name of graph.keys()) {
    if (isIsolated(name)) continue;
    const layer = layers.get(name) as number;
    columns[layer] ??= [];
    columns[layer].push(name);
  }
  const filled = columns.filter((column) => column !== undefined);
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const ahead = sweep % 2 === 0;
    const neighbours = ahead ? importedBy : graph;
    const places = placesOf(filled);
    for (const column of ahead ? filled : [...filled].reverse()) {
      arrange(column, neighbours, places);
      place(column, places);
    }
  }
  return { columns: filled, isolated: [...graph.keys()].filter(isIsolated) };
}

/** The longest way to each module from one that nothing imports, a cycle counting as one. */
function layersOf(graph: Graph): Map<string, number> {
  const all = components(graph);
  const home = new Map(all.flatMap((component, index) => component.map((name) => [name, index] as const)));
  const layer = all.map(() => 0);
  // Each component comes after what it imports: from the last on, the importers come first.
  for (let index = all.length - 1; index >= 0; index -= 1) {
    for (const name of all[index] ?? []) {
      for (const target of graph.get(name) ?? []) {
        const other = home.get(target) as number;
        if (other !== index) layer[other] = Math.max(layer[other] as number, (layer[index] as number) + 1);
      }
    }
  }
  return new Map([...home].map(([name, index]) => [name, layer[index] as number]));
}

/** How far down in its column each stands, from 0 to 1: columns are of different heights. */
function placesOf(columns: readonly (readonly string[])[]): Map<string, number> {
  const places = new Map<string, number>();
  for (const column of columns) place(column, places);
  return places;
}

function place(column: readonly string[], places: Map<string, number>): void {
  for (const [row, name] of column.entries()) places.set(name, (row + 0.5) / column.length);
}

/** In the order of the middle of each one's neighbours; one without any stays near where it was. */
function arrange(column: string[], neighbours: Graph, places: ReadonlyMap<string, number>): void {
  const middle = new Map(
    column.map((name) => {
      const around = (neighbours.get(name) ?? []).map((other) => places.get(other) as number);
      return [name, around.length === 0 ? (places.get(name) as number) : around.reduce((sum, at) => sum + at, 0) / around.length];
    }),
  );
  column.sort((a, b) => (middle.get(a) as number) - (middle.get(b) as number));
}
