/** `GET /agents` and `GET /agents/{name}`: everybody's agents, and those of the caller's tenant. */

import * as z from 'zod';
import type { Agent } from '../core/agents.ts';
import type { Caller } from '../core/authenticate.ts';
import { checked, paging } from '../core/http.ts';
import { decodedCursor, encodedCursor } from '../core/list-tasks.ts';
import { centsFromMicros } from '../core/money.ts';
import type { Query, Stored } from '../core/ports.ts';
import { AGENTS, type Registered } from '../core/registry.ts';
import type { Runtime } from '../core/runtime.ts';
import { agentScope, readSwitches, type Switches } from '../core/switches.ts';
import type { JsonObject } from '../core/task.ts';
import { ownAgent } from './register-agent.ts';

/** The query of `GET /agents`. */
export const agentsQuery = z.strictObject(paging);

/** A place before every time: what is everybody's comes first. */
const FIRST = Number.MAX_SAFE_INTEGER;

/**
 * What is everybody's, by name, and then the tenant's own agents, newest first: `{agents, nextCursor?}`. Throws `Problem` 422.
 */
export async function listAgents(runtime: Runtime, caller: Caller, query: unknown): Promise<JsonObject> {
  const { limit, cursor } = checked(agentsQuery, query);
  const after = cursor === undefined ? undefined : decodedCursor(cursor);
  const switches = await readSwitches(runtime, caller.tenant);
  const everybodys = runtime.agents.names
    .map((name, index): Stored => ({ id: name, version: '', data: { createdAt: FIRST - index } }))
    .filter(({ data }) => after === undefined || (data.createdAt as number) < after.value);
  const found = [...everybodys, ...(await ownAgents(runtime, caller.tenant, after, limit + 1))];
  const page = found.slice(0, limit);
  const last = page.at(-1);
  return {
    agents: page.map(({ id, data }) => {
      const fixed = data.tenant === undefined ? runtime.agents.find(id) : undefined;
      return fixed === undefined ? ownView(data as unknown as Registered, switches) : everybodysView(fixed, switches);
    }),
    ...(last !== undefined && found.length > limit ? { nextCursor: encodedCursor(last) } : {}),
  };
}

/** One agent's view. Throws `Problem` 404, for another tenant's as for none. */
export async function getAgent(runtime: Runtime, caller: Caller, name: string): Promise<JsonObject> {
  const switches = await readSwitches(runtime, caller.tenant);
  const everybodys = runtime.agents.find(name);
  if (everybodys !== undefined) return everybodysView(everybodys, switches);
  const { data } = await ownAgent(runtime, caller.tenant, name);
  return ownView(data as unknown as Registered, switches);
}

/** Whether an agent is on. */
export const isEnabled = (switches: Switches, name: string): boolean => switches[agentScope(name)]?.state !== 'off';

async function ownAgents({ control }: Runtime, tenant: string, after: Query['after'], limit: number) {
  const orderBy = { field: 'createdAt', direction: 'desc' } as const;
  const { documents } = await control.query(AGENTS, { equal: { tenant }, orderBy, ...(after ? { after } : {}), limit });
  return documents;
}

/** The operator's own addresses are not shown. */
function everybodysView({ name, handling, priceMicros, timeLimitMs }: Agent, switches: Switches): JsonObject {
  return {
    name,
    handler_type: handling.type,
    source: handling.type === 'builtin' ? 'built-in' : 'settings',
    priceCents: centsFromMicros(priceMicros),
    timeLimitSeconds: timeLimitMs / 1000,
    capabilities: [],
    enabled: isEnabled(switches, name),
  };
}

function ownView(row: Registered, switches: Switches): JsonObject {
  const { name, type, endpoint, claims, email, result, priceMicros, timeLimitMs, concurrency, capabilities, lastSeenAt } = row;
  return {
    name,
    handler_type: type,
    source: 'registered',
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(claims === undefined ? {} : { claims }),
    ...(email === undefined ? {} : { email }),
    ...(result === undefined ? {} : { result: JSON.parse(result) as unknown }),
    priceCents: centsFromMicros(priceMicros),
    ...(claims === false ? {} : { timeLimitSeconds: timeLimitMs / 1000 }),
    ...(concurrency === undefined ? {} : { concurrency }),
    capabilities,
    enabled: isEnabled(switches, name),
    createdAt: new Date(row.createdAt).toISOString(),
    updatedAt: new Date(row.updatedAt).toISOString(),
    ...(lastSeenAt === undefined ? {} : { lastSeenAt: new Date(lastSeenAt).toISOString() }),
  };
}
