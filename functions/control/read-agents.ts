/** `GET /agents` and `GET /agents/{name}`: everybody's agents, and those of the caller's tenant. */

import * as z from 'zod';
import type { Caller } from '../core/authenticate.ts';
import { centsFromMicros } from '../core/budgets/money.ts';
import { checked, paging } from '../core/http.ts';
import { intentAgent } from '../core/intents/intents.ts';
import { decodedCursor, encodedCursor } from '../core/list-tasks.ts';
import type { Query, Stored } from '../core/ports.ts';
import type { Agent } from '../core/registry/agents.ts';
import { type Circuit, circuitKey, readCircuits } from '../core/registry/circuit.ts';
import { AGENTS, agentFrom, type Registered } from '../core/registry/registry.ts';
import { agentScope, effectiveAt, readSwitches, type Switches } from '../core/registry/switches.ts';
import type { Runtime } from '../core/runtime.ts';
import type { JsonObject } from '../core/task.ts';
import { ownAgent } from './register-agent.ts';

/** The query of `GET /agents`. */
export const agentsQuery = z.strictObject({ ...paging, capability: z.string().min(1).max(100).optional() });

/** A place before every time: what is everybody's comes first. */
const FIRST = Number.MAX_SAFE_INTEGER;
const READ_AT_ONCE = 200;

/** One that is everybody's, or one of the tenant's own. */
type Row = { readonly everybodys: Agent } | { readonly own: Registered };

/**
 * What is everybody's, by name, and then the tenant's own agents, newest first: `{agents, nextCursor?}`; with `capability` those
 * alone that were registered with it. Throws `Problem` 422.
 */
export async function listAgents(runtime: Runtime, caller: Caller, query: unknown): Promise<JsonObject> {
  const { limit, cursor, capability } = checked(agentsQuery, query);
  const after = cursor === undefined ? undefined : decodedCursor(cursor);
  const switches = await readSwitches(runtime, caller.tenant);
  const everybodys = (capability === undefined ? runtime.agents.names : [])
    .map((name, index): Stored => ({ id: name, version: '', data: { createdAt: FIRST - index } }))
    .filter(({ data }) => after === undefined || (data.createdAt as number) < after.value);
  const found = [...everybodys, ...(await ownAgents(runtime, caller.tenant, after, limit + 1, capability))];
  const page = found.slice(0, limit);
  const last = page.at(-1);
  const rows = page.map(({ id, data }): Row => {
    const fixed = data.tenant === undefined ? runtime.agents.find(id) : undefined;
    return fixed === undefined ? { own: data as unknown as Registered } : { everybodys: fixed };
  });
  return {
    agents: await views(runtime, caller.tenant, rows, switches),
    ...(last !== undefined && found.length > limit ? { nextCursor: encodedCursor(last) } : {}),
  };
}

/** One agent's view. Throws `Problem` 404, for another tenant's as for none. */
export async function getAgent(runtime: Runtime, caller: Caller, name: string): Promise<JsonObject> {
  const switches = await readSwitches(runtime, caller.tenant);
  const everybodys = runtime.agents.find(name) ?? (await intentAgent(runtime, caller.tenant, name));
  const row = everybodys ? { everybodys } : { own: (await ownAgent(runtime, caller.tenant, name)).data as unknown as Registered };
  const [view] = await views(runtime, caller.tenant, [row], switches);
  return view as JsonObject;
}

/** Whether an agent is on. */
export const isEnabled = (switches: Switches, name: string): boolean => switches[agentScope(name)]?.state !== 'off';

async function ownAgents(
  { control }: Runtime,
  tenant: string,
  from: Query['after'],
  wanted: number,
  capability: string | undefined,
): Promise<Stored[]> {
  const orderBy = { field: 'createdAt', direction: 'desc' } as const;
  const limit = capability === undefined ? wanted : READ_AT_ONCE;
  const own: Stored[] = [];
  for (let after = from; ; ) {
    const { documents } = await control.query(AGENTS, { equal: { tenant }, orderBy, ...(after ? { after } : {}), limit });
    own.push(...documents.filter(({ data }) => capability === undefined || (data.capabilities as string[]).includes(capability)));
    const last = documents.at(-1);
    if (own.length >= wanted || last === undefined || documents.length < limit) return own.slice(0, wanted);
    after = { value: last.data.createdAt as number, id: last.id };
  }
}

async function views(runtime: Runtime, tenant: string, rows: readonly Row[], switches: Switches): Promise<JsonObject[]> {
  const keys = rows.map((row) => circuitKey('everybodys' in row ? row.everybodys : agentFrom(runtime, row.own), tenant));
  const circuits = await readCircuits(runtime, keys);
  return rows.map((row, index) => ({
    ...('everybodys' in row ? everybodysView(row.everybodys) : ownView(row.own)),
    ...enabledView(runtime, switches, 'everybodys' in row ? row.everybodys.name : row.own.name),
    ...(keys[index] === undefined ? {} : { circuit: circuitView(circuits[index]) }),
  }));
}

/** `{enabled, effectiveAt?}`: of one that is off, from when it is so everywhere. */
function enabledView(runtime: Runtime, switches: Switches, name: string): JsonObject {
  const off = isEnabled(switches, name) ? undefined : switches[agentScope(name)];
  return off === undefined ? { enabled: true } : { enabled: false, effectiveAt: effectiveAt(runtime, off.at) };
}

/** Of an agent of the type `http`: `{state, failures, since?, retryAt?}`. */
function circuitView(circuit: Circuit | undefined): JsonObject {
  if (circuit === undefined) return { state: 'closed', failures: 0 };
  const { state, failures, since, until } = circuit;
  return {
    state,
    failures,
    since: new Date(since).toISOString(),
    ...(state === 'closed' ? {} : { retryAt: new Date(until).toISOString() }),
  };
}

/** The operator's own addresses are not shown. */
function everybodysView({ name, handling, priceMicros, timeLimitMs }: Agent): JsonObject {
  return {
    name,
    handler_type: handling.type,
    source: sourceOf(handling),
    priceCents: centsFromMicros(priceMicros),
    timeLimitSeconds: timeLimitMs / 1000,
    capabilities: [],
  };
}

function sourceOf(handling: Agent['handling']): string {
  if (handling.type === 'intent') return handling.intent.source;
  return handling.type === 'builtin' ? 'built-in' : 'settings';
}

function ownView(row: Registered): JsonObject {
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
    createdAt: new Date(row.createdAt).toISOString(),
    updatedAt: new Date(row.updatedAt).toISOString(),
    ...(lastSeenAt === undefined ? {} : { lastSeenAt: new Date(lastSeenAt).toISOString() }),
  };
}
