/**
 * The circuit of an HTTP agent: after repeated failures nothing is sent to it for a while, then one attempt at a time, until one
 * gets an answer. Each instance counts for itself; what changes is written down for all, and read where something fails or is due.
 * So an agent that is well costs neither a read nor a write.
 *
 * Not a library's: those judge by the machine's own clock, wrap the call that was claimed and counted already, and have no state
 * to share. Source: Nygard, "Release It!", circuit breaker.
 */

import { hashedId } from '../hashed-id.ts';
import { measured } from '../measures.ts';
import { type Documents, type Fields, PreconditionFailed, type Trust } from '../ports.ts';
import type { Runtime } from '../runtime.ts';
import type { Agent } from './agents.ts';

/** The collection of circuits that have changed. */
const CIRCUITS = 'circuits';
const IN_A_ROW = 5;
const WINDOW = 20;
const SHARE = 0.5;
const MOST_REMEMBERED = 1_000;
const KEPT_MS = 7 * 86_400_000;

/** A circuit's document. Times are milliseconds since the epoch. */
export interface Circuit {
  readonly tenant: string;
  readonly agent: string;
  readonly state: 'closed' | 'open' | 'half-open';
  /** Of the state. */
  readonly since: number;
  /** Those that opened it; none when it is closed. */
  readonly failures: number;
  /** How long it stays open this time, and until when; half open, until when the one attempt is waited for. */
  readonly openMs: number;
  readonly until: number;
  readonly expireAt: number;
}

/** Which circuit an agent has. Another address is another circuit; one of the operator's is everybody's. */
export interface CircuitKey {
  readonly id: string;
  readonly tenant: string;
  readonly agent: string;
}

type Breakers = Pick<Runtime, 'documents' | 'clock' | 'settings' | 'log'>;

interface Memory {
  /** The last answers, whether they were failures, the newest last. */
  failed: boolean[];
  stored: { readonly circuit: Circuit; readonly version: string } | undefined;
}

const remembered = new WeakMap<Documents, Map<string, Memory>>();

/** The circuit of an agent, for a tenant's tasks. */
export function circuitKey({ name, handling }: Pick<Agent, 'name' | 'handling'>, tenant: string): CircuitKey | undefined {
  const at = addressOf(handling);
  if (at === undefined) return undefined;
  const owner = at.trust === 'operator' ? '' : tenant;
  return { id: hashedId(owner, name, at.endpoint), tenant: owner, agent: name };
}

/** Of an HTTP agent, or of the webhook behind a flow. */
function addressOf(handling: Agent['handling']): { readonly endpoint: string; readonly trust: Trust } | undefined {
  if (handling.type === 'http') return handling;
  if (handling.type !== 'intent' || handling.intent.mode !== 'flow') return undefined;
  return { endpoint: handling.intent.target, trust: handling.intent.trust };
}

/**
 * Until when an attempt has to wait, if it has to. When the time of an open circuit is over, whoever asks first may make the one
 * attempt. Where the store is out of reach it lets through.
 */
export async function heldUntil(runtime: Breakers, key: CircuitKey): Promise<number | undefined> {
  const memory = memoryOf(runtime, key);
  try {
    for (;;) {
      const circuit = memory.stored?.circuit;
      const now = runtime.clock.now();
      if (circuit === undefined || circuit.state === 'closed') return undefined;
      if (now < circuit.until) return circuit.until;
      const next: Partial<Circuit> = { state: 'half-open', until: now + circuit.openMs };
      if (await changed(runtime, key, memory, now, next)) return undefined;
    }
  } catch (error) {
    runtime.log.warn({ err: error, agent: key.agent }, 'The circuit of an agent could not be read; the attempt is made.');
    return undefined;
  }
}

/** Notes whether an agent answered. Never throws: what became of the run counts more. */
export async function noteAnswer(runtime: Breakers, key: CircuitKey, answered: boolean): Promise<void> {
  const memory = memoryOf(runtime, key);
  memory.failed = [...memory.failed.slice(1 - WINDOW), !answered];
  try {
    await (answered ? closeCircuit(runtime, key, memory) : countFailure(runtime, key, memory));
  } catch (error) {
    runtime.log.warn({ err: error, agent: key.agent }, 'The circuit of an agent could not be changed.');
  }
}

/** The circuits as they are stored now, in the order of the keys. */
export async function readCircuits(
  { documents }: Pick<Runtime, 'documents'>,
  keys: readonly (CircuitKey | undefined)[],
): Promise<(Circuit | undefined)[]> {
  const found = await Promise.all(keys.map((key) => key && documents.get(CIRCUITS, key.id)));
  return found.map((one) => one?.data as unknown as Circuit | undefined);
}

async function closeCircuit(runtime: Breakers, key: CircuitKey, memory: Memory): Promise<void> {
  const state = memory.stored?.circuit.state ?? 'closed';
  if (state === 'closed') return;
  memory.failed = [];
  await changed(runtime, key, memory, runtime.clock.now(), { state: 'closed', failures: 0 });
}

async function countFailure(runtime: Breakers, key: CircuitKey, memory: Memory): Promise<void> {
  const { circuitOpenMs, circuitMaximumMs } = runtime.settings.times;
  const now = runtime.clock.now();
  // The first one after an answer: others may know more.
  if (memory.failed.at(-2) !== true && memory.stored?.circuit.state !== 'half-open') await found(runtime, key, memory);
  const circuit = memory.stored?.circuit;
  if (circuit?.state === 'open') return;
  const failures = tripped(memory.failed);
  if (circuit?.state === 'half-open') {
    const openMs = Math.min(circuitMaximumMs, circuit.openMs * 2);
    await changed(runtime, key, memory, now, { state: 'open', failures: circuit.failures + 1, openMs, until: now + openMs });
  } else if (failures !== undefined) {
    await changed(runtime, key, memory, now, { state: 'open', failures, openMs: circuitOpenMs, until: now + circuitOpenMs });
  }
}

/** How many failures open the circuit, if they do: five in a row, or half of the last twenty answers. */
function tripped(failed: readonly boolean[]): number | undefined {
  const inARow = failed.length - 1 - failed.lastIndexOf(false);
  if (inARow >= IN_A_ROW) return inARow;
  const all = failed.filter(Boolean).length;
  return failed.length >= WINDOW && all >= WINDOW * SHARE ? all : undefined;
}

/** Writes a change under the version last seen. Whether it did: somebody else may have been quicker, and is then heeded. */
async function changed(
  runtime: Breakers,
  key: CircuitKey,
  memory: Memory,
  now: number,
  change: Partial<Circuit>,
): Promise<boolean> {
  const { documents, log } = runtime;
  const { id, tenant, agent } = key;
  const before = memory.stored;
  const since = change.state === before?.circuit.state ? before?.circuit.since : now;
  const circuit = { ...before?.circuit, ...change, tenant, agent, since, expireAt: now + KEPT_MS } as Circuit;
  const data = circuit as unknown as Fields;
  try {
    const [written] = await documents.commit([
      before === undefined
        ? { kind: 'create', collection: CIRCUITS, id, data }
        : { kind: 'replace', collection: CIRCUITS, id, version: before.version, data },
    ]);
    memory.stored = { circuit, version: written?.version ?? '' };
    measured(() => ({ kind: 'circuit', id, agent, state: circuit.state }));
    if (circuit.state !== 'half-open') log.warn({ agent, state: circuit.state }, 'The circuit of an agent has changed.');
    return true;
  } catch (error) {
    if (!(error instanceof PreconditionFailed)) throw error;
    await found(runtime, key, memory);
    return false;
  }
}

async function found({ documents }: Breakers, { id }: CircuitKey, memory: Memory): Promise<void> {
  const stored = await documents.get(CIRCUITS, id);
  memory.stored = stored && { circuit: stored.data as unknown as Circuit, version: stored.version };
}

function memoryOf({ documents }: Breakers, { id }: CircuitKey): Memory {
  const all = remembered.get(documents) ?? new Map<string, Memory>();
  remembered.set(documents, all);
  const known = all.get(id);
  if (known !== undefined) return known;
  if (all.size >= MOST_REMEMBERED) all.clear();
  const memory: Memory = { failed: [], stored: undefined };
  all.set(id, memory);
  return memory;
}
