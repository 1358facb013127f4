/** The agents that are everybody's: the built-in ones, those with a subscription of their own, and the operator's. */

import { topology } from '../../topology.ts';
import { accountEmail, functionUrl } from '../addresses.ts';
import { microsFromCents } from '../budgets/money.ts';
import type { Intent } from '../intents/intents.ts';
import type { Trust } from '../ports.ts';
import type { Settings } from '../settings.ts';

/** What the built-in agent can do: its handlers' names, the default first. */
export const LIGHT_HANDLERS = ['echo', 'text.digest'] as const;
export type LightHandler = (typeof LIGHT_HANDLERS)[number];

/**
 * Who answers for an agent. `http`: an endpoint, as far trusted as whoever named it. `builtin`: code of ours, with one handler or
 * all of them. `mock`: nobody; each run has the same result at once, or else its payload. `pubsub`: whoever has its subscription
 * pushed; one that does not claim gets its tasks claimed already. `intent`: what `/orchestrate` can be asked for.
 */
export type Handling =
  | { readonly type: 'http'; readonly endpoint: string; readonly trust: Trust }
  | { readonly type: 'builtin'; readonly handler?: LightHandler }
  | { readonly type: 'mock'; readonly result?: unknown }
  | { readonly type: 'pubsub'; readonly claims: boolean }
  | { readonly type: 'intent'; readonly intent: Intent };

export interface Agent {
  readonly name: string;
  readonly handling: Handling;
  /** The most that one run costs, in micro-dollars. */
  readonly priceMicros: number;
  readonly timeLimitMs: number;
  /** How many of a tenant's tasks it has at a time; without it any number. Everybody's agents have no limit. */
  readonly concurrency?: number;
  /** Where `dispatch` has it run: its own function, or agent-light, which relays. */
  readonly runs: { readonly function: string; readonly url: string };
  /** The attribute `direct` of its messages, where a subscription of its own serves it: agent-light leaves them alone. */
  readonly direct: string | undefined;
  /** The service account that it proves itself with. */
  readonly email: string | undefined;
}

/** The agents of every tenant; `registry.ts` also finds those that a tenant has registered. */
export interface AgentRegistry {
  find(name: string): Agent | undefined;
  readonly names: readonly string[];
}

/** The registry as the settings and the topology have it. */
export function agentRegistry(settings: Settings): AgentRegistry {
  const priceMicros = microsFromCents(settings.agentCostPerRunCents);
  const timeLimitMs = settings.times.runMaximumMs;
  const builtIn: Agent[] = [agentOf('light', 'agent-light', undefined), ...directAgents().map((name) => agentOf(name, name, '1'))];
  const relayed = settings.agents.map(
    (row): Agent => ({
      name: row.name,
      handling: { type: 'http', endpoint: row.endpoint, trust: 'operator' },
      priceMicros: microsFromCents(row.priceCents),
      timeLimitMs: Math.min(timeLimitMs, row.timeLimitSeconds * 1000),
      runs: runsAt(settings, 'agent-light'),
      direct: undefined,
      email: row.email,
    }),
  );
  const agents = new Map([...relayed, ...builtIn].map((agent) => [agent.name, agent]));
  return { find: (name) => agents.get(name), names: [...agents.keys()].sort() };

  function agentOf(name: string, functionName: string, direct: string | undefined): Agent {
    return {
      name,
      handling: { type: 'builtin' },
      priceMicros,
      timeLimitMs,
      runs: runsAt(settings, functionName),
      direct,
      email: accountEmail(settings, functionName),
    };
  }
}

/** Where a function runs what it is given over HTTP. */
export function runsAt(settings: Settings, functionName: string): Agent['runs'] {
  return { function: functionName, url: `${functionUrl(settings, functionName)}/run` };
}

/** Agents with a subscription of their own, by its filter on the attribute `agent`. */
function directAgents(): string[] {
  return Object.values(topology.subscriptions).flatMap(
    ({ filter }) => /^attributes\.agent="([^"]+)"$/.exec(filter ?? '')?.[1] ?? [],
  );
}
