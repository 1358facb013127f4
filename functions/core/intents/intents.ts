/**
 * Intents: what `/orchestrate` can be asked for. Each is an agent like any other (`tool:memory.write`, `flow:gmail.triage`,
 * `mcp:files.read`), so that price, time limit, concurrency, switches and circuits are those of agents.
 */

import { microsFromCents } from '../budgets/money.ts';
import { hashedId } from '../hashed-id.ts';
import type { Documents, Trust } from '../ports.ts';
import { type Agent, runsAt } from '../registry/agents.ts';
import type { Runtime } from '../runtime.ts';
import { TOOLS } from './tool-terms.ts';

/** The collection of the intents that tenants have set. */
export const INTENTS = 'intents';

export type IntentMode = 'flow' | 'mcp' | 'agent';
/** In the order in which they are shown. */
export const MODES = ['flow', 'mcp', 'agent'] as const;
const KINDS = { flow: 'flow', mcp: 'mcp', agent: 'tool' } as const;

export interface Intent {
  readonly name: string;
  readonly mode: IntentMode;
  /** `agent`: the name of the tool. `flow`: an address. `mcp`: `<server>/<tool>`. */
  readonly target: string;
  /** How far the address of a flow is trusted: as far as whoever named it. */
  readonly trust: Trust;
  readonly timeLimitMs: number;
  readonly priceMicros: number;
  readonly concurrency?: number;
  /** Runs dry unless its job was cleared. */
  readonly dangerous: boolean;
  readonly source: 'built-in' | 'settings' | 'tenant';
}

/** The document of a tenant's intent. */
export type StoredIntent = Omit<Intent, 'trust' | 'source'> & {
  readonly tenant: string;
  readonly updatedAt: number;
  readonly updatedBy: string;
};

/** One of each name and mode that a tenant sets. */
export const intentId = (tenant: string, name: string, mode: IntentMode): string => hashedId(tenant, 'intent', mode, name);

/** The agent that runs an intent. Nobody can register one of such a name: it has a colon. */
export const agentNameOf = ({ name, mode }: Pick<Intent, 'name' | 'mode'>): string => `${KINDS[mode]}:${name}`;

/** What an agent's name says of an intent, if it is one's. */
export function intentOfName(agent: string): Pick<Intent, 'name' | 'mode'> | undefined {
  const [kind, name] = [agent.slice(0, agent.indexOf(':')), agent.slice(agent.indexOf(':') + 1)];
  const mode = MODES.find((one) => KINDS[one] === kind);
  return mode === undefined || name === '' ? undefined : { name, mode };
}

type Finders = Pick<Runtime, 'control' | 'clock' | 'settings'>;

const MAX_REMEMBERED = 1_000;
const remembered = new WeakMap<Documents, Map<string, { readonly at: number; readonly intent: Intent }>>();

/**
 * The intent of a name in a mode: a tool, the operator's, or one of the tenant's own, at most `times.agentsCacheMs` old. Absence is
 * never remembered.
 */
export async function intentOf(runtime: Finders, tenant: string, name: string, mode: IntentMode): Promise<Intent | undefined> {
  const everybodys = everybodysIntent(runtime, name, mode);
  if (everybodys !== undefined || mode === 'agent') return everybodys;
  const cache = remembered.get(runtime.control) ?? new Map();
  remembered.set(runtime.control, cache);
  const id = intentId(tenant, name, mode);
  const now = runtime.clock.now();
  const known = cache.get(id);
  if (known !== undefined && Math.abs(now - known.at) < runtime.settings.times.agentsCacheMs) return known.intent;
  cache.delete(id);
  const stored = await runtime.control.get(INTENTS, id);
  if (stored === undefined) return undefined;
  const intent = dangerousAs(runtime, intentFrom(stored.data as unknown as StoredIntent));
  if (cache.size >= MAX_REMEMBERED) cache.clear();
  cache.set(id, { at: now, intent });
  return intent;
}

/** The agent of an intent, by the agent's name. */
export async function intentAgent(runtime: Finders, tenant: string, agentName: string): Promise<Agent | undefined> {
  const named = intentOfName(agentName);
  const intent = named && (await intentOf(runtime, tenant, named.name, named.mode));
  return intent && agentFrom(runtime, intent);
}

export function intentFrom(stored: StoredIntent): Intent {
  const { tenant: _, updatedAt: __, updatedBy: ___, ...intent } = stored;
  return { ...intent, trust: 'user', source: 'tenant' };
}

/** Everybody's: the tools, and those of the operator's settings. */
export function everybodysIntents({ settings }: Pick<Runtime, 'settings'>): readonly Intent[] {
  const tools = Object.keys(TOOLS).flatMap((name) => toolIntent(name) ?? []);
  return [...tools, ...settings.intents.map(intentOfRow)];
}

/** The one of a name in a mode that is everybody's: no tenant's own can take its place. */
export function everybodysIntent(runtime: Pick<Runtime, 'settings'>, name: string, mode: IntentMode): Intent | undefined {
  return mode === 'agent' ? toolIntent(name) : (configured(runtime, name, mode) ?? named(runtime, name, mode));
}

function toolIntent(name: string): Intent | undefined {
  const terms = Object.hasOwn(TOOLS, name) ? TOOLS[name as keyof typeof TOOLS] : undefined;
  if (terms === undefined) return undefined;
  const { timeLimitSeconds, dangerous } = terms;
  const timeLimitMs = timeLimitSeconds * 1000;
  return { name, mode: 'agent', target: name, trust: 'operator', timeLimitMs, priceMicros: 0, dangerous, source: 'built-in' };
}

function configured({ settings }: Pick<Runtime, 'settings'>, name: string, mode: IntentMode): Intent | undefined {
  const row = settings.intents.find((one) => one.name === name && one.mode === mode);
  return row && intentOfRow(row);
}

/**
 * `mcp.<server>.<tool>` is that tool of a server of the settings. Where a row has it as its target, it is that row's intent: what is
 * approved, switched off or limited by the one name is so by the other.
 */
function named({ settings }: Pick<Runtime, 'settings'>, name: string, mode: IntentMode): Intent | undefined {
  const [, server, tool] = /^(?=.{1,56}$)mcp\.([a-z][a-z0-9-]*)\.([\w.-]+)$/.exec(name) ?? [];
  if (mode !== 'mcp' || !settings.mcpServers.some((row) => row.name === server)) return undefined;
  const target = `${server}/${tool}`;
  const rows = settings.intents.filter((one) => one.mode === mode && one.target === target);
  const row = rows.find((one) => one.dangerous) ?? rows[0];
  return intentOfRow(row ?? { timeLimitSeconds: 540, priceCents: 0, dangerous: false, name, mode, target });
}

/** A tool that the operator calls dangerous is so for a tenant's intent as well. */
function dangerousAs({ settings }: Pick<Runtime, 'settings'>, intent: Intent): Intent {
  const isSo = settings.intents.some((row) => row.mode === intent.mode && row.target === intent.target && row.dangerous);
  return isSo ? { ...intent, dangerous: true } : intent;
}

function intentOfRow(row: Finders['settings']['intents'][number]): Intent {
  const { priceCents, timeLimitSeconds, ...rest } = row;
  const terms = { timeLimitMs: timeLimitSeconds * 1000, priceMicros: microsFromCents(priceCents) };
  return { ...rest, ...terms, trust: 'operator', source: 'settings' };
}

function agentFrom({ settings }: Pick<Runtime, 'settings'>, intent: Intent): Agent {
  return {
    name: agentNameOf(intent),
    handling: { type: 'intent', intent },
    priceMicros: intent.priceMicros,
    timeLimitMs: Math.min(settings.times.runMaximumMs, intent.timeLimitMs),
    ...(intent.concurrency === undefined ? {} : { concurrency: intent.concurrency }),
    runs: runsAt(settings, 'agent-light'),
    direct: undefined,
    email: undefined,
  };
}
