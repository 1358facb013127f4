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
 * The routes of a user: those of each function's prefixes, and whether the first function lives. The same paths of other functions
 * (`/healthz`, `/run` of an agent that only `dispatch` calls) are reached at their own addresses alone.
 */
export function userRoutes(): Route[] {
  return Object.entries(topology.functions).flatMap(([name, row], index) => {
    const make = rooms[name];
    if (make === undefined) throw new TypeError(`There is no code for ${name}.`);
    // A room that is made but not called touches none of its ports.
    const room = make(runtimeOf(name, readSettings({}, { runtime: 'embedded' }), {} as Parts));
    const isOurs = (path: string) =>
      (index === 0 && path === '/healthz') ||
      (row.routes.some((prefix) => path === prefix || path.startsWith(`${prefix}/`)) && !PUSHED.has(`${name} ${path}`));
    return routesOf(room)
      .filter(({ path }) => isOurs(path))
      .map(({ method, path }) => ({ function: name, call: `${method} ${path.replace(/:(\w+)/g, '{$1}')}` }));
  });
}

/** What the operations and the routes do not have in common, one line each that says what to do. */
export function drift(routes: readonly Route[], operations: readonly Operation[]): string[] {
  const calls = operations.map(({ method, path }) => `${method} ${path}`);
  const known = new Set(routes.map(({ call }) => call));
  return [
    ...routes
      .filter(({ call }) => !calls.includes(call))
      .map((route) => `${route.call} of ${route.function} is not described: add a row to scripts/openapi/operations/`),
    ...calls.filter((call) => !known.has(call)).map((call) => `${call} is described, and no function has it`),
    ...calls.filter((call, index) => calls.indexOf(call) !== index).map((call) => `${call} is described twice`),
  ];
}
