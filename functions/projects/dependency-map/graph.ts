/** What can be said of a graph of modules. Nothing here recurses: chains are as long as projects are large. */

/** By module: what it imports. Names that are no module of the graph do not occur. */
export type Graph = ReadonlyMap<string, readonly string[]>;

/** How often each module is imported. */
export function importers(graph: Graph): Map<string, number> {
  const counts = new Map([...graph.keys()].map((name) => [name, 0]));
  for (const imports of graph.values()) for (const name of imports) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

/** Modules that import each other, with one shortest way around: each imports the next, the last the first. */
export interface Cycle {
  readonly modules: readonly string[];
  readonly path: readonly string[];
}

/** All sets of modules that reach each other, the largest first. */
export function cycles(graph: Graph): Cycle[] {
  return components(graph)
    .filter((modules) => modules.length > 1)
    .map((modules) => ({ modules: modules.sort(), path: wayAround(graph, modules) }))
    .sort((a, b) => b.modules.length - a.modules.length || (String(a.modules[0]) < String(b.modules[0]) ? -1 : 1));
}

/**
 * The strongly connected components, each after those that it imports.
 *
 * Source: Tarjan, "Depth-first search and linear graph algorithms", 1972; with the calls on a stack of our own.
 */
export function components(graph: Graph): string[][] {
  const found: string[][] = [];
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const open: string[] = [];
  const isOpen = new Set<string>();

  for (const start of graph.keys()) {
    if (index.has(start)) continue;
    const calls = [visit(start)];
    for (let call = calls.at(-1); call !== undefined; call = calls.at(-1)) {
      const { name, imports } = call;
      const next = imports[call.next];
      call.next += 1;
      if (next !== undefined) {
        if (!index.has(next)) calls.push(visit(next));
        else if (isOpen.has(next)) lower(name, index.get(next));
        continue;
      }
      calls.pop();
      const caller = calls.at(-1);
      if (caller !== undefined) lower(caller.name, low.get(name));
      if (low.get(name) === index.get(name)) found.push(close(name));
    }
  }
  return found;

  function visit(name: string): { name: string; imports: readonly string[]; next: number } {
    low.set(name, index.size);
    index.set(name, index.size);
    open.push(name);
    isOpen.add(name);
    return { name, imports: graph.get(name) ?? [], next: 0 };
  }

  function lower(name: string, other: number | undefined): void {
    low.set(name, Math.min(low.get(name) as number, other as number));
  }

  function close(name: string): string[] {
    const component = open.splice(open.lastIndexOf(name));
    for (const one of component) isOpen.delete(one);
    return component;
  }
}

/** From the first module of a component, breadth first, back to it. */
function wayAround(graph: Graph, component: readonly string[]): string[] {
  const start = component[0] as string;
  const inside = new Set(component);
  const from = new Map<string, string>();
  const queue = [start];
  for (const name of queue) {
    for (const next of graph.get(name) ?? []) {
      if (next === start) return wayTo(name);
      if (!inside.has(next) || from.has(next)) continue;
      from.set(next, name);
      queue.push(next);
    }
  }
  return [start];

  function wayTo(last: string): string[] {
    const way = [last];
    for (let name = last; name !== start; way.push(name)) name = from.get(name) as string;
    return way.reverse();
  }
}
