/** The agents that tasks can be dispatched to: the built-in ones, those with a subscription of their own, and the operator's. */

import { topology } from '../topology.ts';
import { accountEmail, functionUrl } from './addresses.ts';
import { microsFromCents } from './money.ts';
import type { Settings } from './settings.ts';

export interface Agent {
  readonly name: string;
  /** The most that one run costs, in micro-dollars. */
  readonly priceMicros: number;
  readonly timeLimitMs: number;
  /** Where `dispatch` has it run: its own function, or agent-light, which relays. */
  readonly runs: { readonly function: string; readonly url: string };
  /** Whether a subscription of its own serves it. */
  readonly direct: boolean;
  /** The service account that it proves itself with. */
  readonly email: string | undefined;
}

export interface AgentRegistry {
  find(name: string): Agent | undefined;
  readonly names: readonly string[];
}

/** The registry as the settings and the topology have it. */
export function agentRegistry(settings: Settings): AgentRegistry {
  const priceMicros = microsFromCents(settings.agentCostPerRunCents);
  const timeLimitMs = settings.times.runMaximumMs;
  const builtIn: Agent[] = [agentOf('light', 'agent-light', false), ...directAgents().map((name) => agentOf(name, name, true))];
  const relayed = settings.agents.map(
    (row): Agent => ({
      name: row.name,
      priceMicros: microsFromCents(row.priceCents),
      timeLimitMs: Math.min(timeLimitMs, row.timeLimitSeconds * 1000),
      runs: runsAt('agent-light'),
      direct: false,
      email: row.email,
    }),
  );
  const agents = new Map([...relayed, ...builtIn].map((agent) => [agent.name, agent]));
  return { find: (name) => agents.get(name), names: [...agents.keys()].sort() };

  function runsAt(functionName: string): Agent['runs'] {
    return { function: functionName, url: `${functionUrl(settings, functionName)}/run` };
  }

  function agentOf(name: string, functionName: string, direct: boolean): Agent {
    return {
      name,
      priceMicros,
      timeLimitMs,
      runs: runsAt(functionName),
      direct,
      email: accountEmail(settings, functionName),
    };
  }
}

/** Agents with a subscription of their own, by its filter on the attribute `agent`. */
function directAgents(): string[] {
  return Object.values(topology.subscriptions).flatMap(
    ({ filter }) => /^attributes\.agent="([^"]+)"$/.exec(filter ?? '')?.[1] ?? [],
  );
}
