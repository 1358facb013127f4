/** What the functions answer to, as their routers say it, and what of that the document is about. */

import type { Parts } from '../../functions/adapters/runtime.ts';
import { runtimeOf } from '../../functions/adapters/runtime.ts';
import { routesOf } from '../../functions/core/http.ts';
import { readSettings } from '../../functions/core/settings.ts';
import { rooms } from '../../functions/rooms.ts';
import { topology } from '../../functions/topology.ts';
import type { Operation } from './operation.ts';

export interface Route {
  readonly function: string;
  /** `POST /task/{id}/claim`. */
  readonly call: string;
}

/** What Pub/Sub and the scheduler call is between the functions. */
const PUSHED = new Set(
  [...Object.values(topology.subscriptions), ...Object.values(topology.schedules)].map((row) => `${row.function} ${row.path}`),
);

/**
 * The routes of a user: all of the front functions, and of the others those that the one address sends there. Whether a function lives
 * is shown of the first alone; the others say so at their own addresses.
 */
export function userRoutes(): Route[] {
  return Object.entries(topology.functions).flatMap(([name, row], index) => {
    const make = rooms[name];
    if (make === undefined) throw new TypeError(`There is no code for ${name}.`);
    // A room that is made but not called touches none of its ports.
    const room = make(runtimeOf(name, readSettings({}, { runtime: 'embedded' }), {} as Parts));
    const isOurs = (path: string) =>
      path === HEALTH
        ? index === 0
        : path !== '/' && !PUSHED.has(`${name} ${path}`) && (row.access === 'front' || isUnder(row.routes, path));
    return routesOf(room)
      .filter(({ path }) => isOurs(path))
      .map(({ method, path }) => ({ function: name, call: `${method} ${path.replace(/:(\w+)/g, '{$1}')}` }));
  });
}

const HEALTH = '/healthz';
const isUnder = (prefixes: readonly string[], path: string): boolean =>
  prefixes.some((prefix) => path === prefix || path.startsWith(`${prefix}/`));

/** The routes of front functions that the one address sends nowhere, one line each that says what to do. */
export function unreached(routes: readonly Route[]): string[] {
  return routes.flatMap(({ function: name, call }) => {
    const path = call.slice(call.indexOf(' ') + 1);
    if (path === HEALTH || isUnder(topology.functions[name]?.routes ?? [], path)) return [];
    return [`${call} is under no prefix of ${name}: add one to its routes in functions/topology.ts`];
  });
}

/** What the operations and the routes do not have in common, one line each that says what to do. */
export function drift(routes: readonly Route[], operations: readonly Operation[]): string[] {
  const calls = operations.map(({ method, path }) => `${method} ${path}`);
  const known = new Set(routes.map(({ call }) => call));
  return [
    ...routes
      .filter(({ call }) => !calls.includes(call))
      .map(
        (route) =>
          `${route.call} of ${route.function} is not described: add a row to scripts/openapi/operations/, then npm run openapi`,
      ),
    ...calls.filter((call) => !known.has(call)).map((call) => `${call} is described, and no function has it`),
    ...calls.filter((call, index) => calls.indexOf(call) !== index).map((call) => `${call} is described twice`),
  ];
}
