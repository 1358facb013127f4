/**
 * The agents that a tenant has registered, beside those that are everybody's. An instance remembers a found one for a while, so
 * that a dispatch to it reads nothing; absence is never remembered, so that a new one is there at once.
 */

import { Problem } from '../errors.ts';
import { hashedId } from '../hashed-id.ts';
import { intentAgent } from '../intents/intents.ts';
import type { Documents } from '../ports.ts';
import type { Runtime } from '../runtime.ts';
import { type Agent, type Handling, runsAt } from './agents.ts';
import { stopOf } from './switches.ts';

/** The collection of registered agents. */
export const AGENTS = 'agents';
const MAX_REMEMBERED = 1_000;

/** A registered agent's document. Times are milliseconds since the epoch. */
export interface Registered {
  readonly tenant: string;
  readonly name: string;
  readonly type: Exclude<Handling['type'], 'intent'>;
  /** Of `http` and `pubsub` the address, of `builtin` the handler; of `mock` as it was given. */
  readonly endpoint?: string;
  /** Of `pubsub`: whether it claims its tasks, and then the account that it proves itself with. */
  readonly claims?: boolean;
  readonly email?: string;
  /** Of `mock`, as JSON text. */
  readonly result?: string;
  readonly priceMicros: number;
  readonly timeLimitMs: number;
  readonly concurrency?: number;
  readonly capabilities: readonly string[];
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly updatedBy: string;
  readonly lastSeenAt?: number;
}

/** The id of an agent's document. */
export const agentId = (tenant: string, name: string): string => hashedId(tenant, name);

type Finders = Pick<Runtime, 'agents' | 'control' | 'clock' | 'settings'>;

const remembered = new WeakMap<Documents, Map<string, { readonly at: number; readonly agent: Agent }>>();

/** An agent that a tenant's tasks can go to: everybody's, or one of its own, at most `times.agentsCacheMs` old. */
export async function agentOf(runtime: Finders, tenant: string, name: string): Promise<Agent | undefined> {
  const everybodys = runtime.agents.find(name);
  if (everybodys !== undefined) return everybodys;
  if (name.includes(':')) return intentAgent(runtime, tenant, name);
  const cache = remembered.get(runtime.control) ?? new Map();
  remembered.set(runtime.control, cache);
  const id = agentId(tenant, name);
  const now = runtime.clock.now();
  const known = cache.get(id);
  if (known !== undefined && Math.abs(now - known.at) < runtime.settings.times.agentsCacheMs) return known.agent;
  cache.delete(id);
  const stored = await runtime.control.get(AGENTS, id);
  if (stored === undefined) return undefined;
  const agent = agentFrom(runtime, stored.data as unknown as Registered);
  if (cache.size >= MAX_REMEMBERED) cache.clear();
  cache.set(id, { at: now, agent });
  return agent;
}

/** The same, of which tasks may be taken now. Throws `Problem` 422 `agent_not_found`, 409 `agent_disabled`. */
export async function openAgent(runtime: Finders, tenant: string, name: string): Promise<Agent> {
  const agent = await agentOf(runtime, tenant, name);
  const stop = agent && (await stopOf(runtime, tenant, name));
  if (agent !== undefined && stop === undefined) return agent;
  if (stop?.code === 'agent_disabled') {
    const fields = [{ field: 'agent', code: stop.code, message: 'is switched off' }];
    throw new Problem(409, stop.code, `Agent ${name} is switched off; it takes tasks again once it is switched on.`, { fields });
  }
  const known = runtime.agents.names.join(', ');
  const fields = [{ field: 'agent', code: 'agent_not_found', message: 'names no agent' }];
  const message = `Agent ${name} not found. There are ${known}, and those that GET /agents lists.`;
  throw new Problem(422, 'agent_not_found', message, { fields });
}

/** The agent that was registered so. */
export function agentFrom({ settings }: Pick<Runtime, 'settings'>, row: Registered): Agent {
  return {
    name: row.name,
    handling: handlingOf(row),
    priceMicros: row.priceMicros,
    timeLimitMs: Math.min(settings.times.runMaximumMs, row.timeLimitMs),
    ...(row.concurrency === undefined ? {} : { concurrency: row.concurrency }),
    runs: runsAt(settings, 'agent-light'),
    direct: row.type === 'pubsub' ? agentId(row.tenant, row.name) : undefined,
    email: row.email,
  };
}

/** Whoever registers an agent is a user, and no operator: its address gets no more trust than any other of a user's. */
function handlingOf({ type, endpoint = '', result, claims = true }: Registered): Handling {
  if (type === 'pubsub') return { type, claims };
  if (type === 'http') return { type, endpoint, trust: 'user' };
  if (type === 'builtin') return { type, handler: endpoint as Extract<Handling, { type: 'builtin' }>['handler'] };
  return { type, ...(result === undefined ? {} : { result: JSON.parse(result) as unknown }) };
}
