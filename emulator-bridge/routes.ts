import type { FunctionRow } from '../functions/topology.ts';

/**
 * Gives the function that finds who serves a path: the one with the longest route prefix that ends at a segment boundary
 * (`/task` serves `/task` and `/task/1`, not `/tasks`).
 */
export function routeTable(functions: Readonly<Record<string, FunctionRow>>): (path: string) => string | undefined {
  const rows = Object.entries(functions)
    .flatMap(([name, row]) => row.routes.map((prefix) => ({ name, prefix })))
    .sort((a, b) => b.prefix.length - a.prefix.length);
  return (path) =>
    rows.find(({ prefix }) => path.startsWith(prefix) && (path.length === prefix.length || path[prefix.length] === '/'))?.name;
}
