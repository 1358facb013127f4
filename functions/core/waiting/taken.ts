/**
 * Slots: what only so many may have at a time. An agent with a concurrency limit has that many, a project has one, its lock.
 * Whoever takes one creates its document, so that of any number of takers one has it; and takes it in the commit by which it goes
 * on, so that nothing is taken for nobody.
 */

import type { Stored, Write } from '../ports.ts';
import { agentOf } from '../registry/registry.ts';
import type { Runtime } from '../runtime.ts';
import type { TaskCore } from '../task.ts';
import { agentGate, projectGate, resourceOf } from './gate-names.ts';

/** The collection of slots that are taken. */
export const SLOTS = 'slots';
/** The most that a registration may set as a limit. */
const MOST = 10_000;

/** A slot that is taken, as stored. Times are milliseconds since the epoch. */
export interface Slot {
  readonly resource: string;
  readonly number: number;
  /** A task's id, or another name. */
  readonly holder: string;
  /** Of the task: one that is redriven has what it takes anew. */
  readonly life: string;
  readonly takenAt: number;
  /** When nobody can hold it any more: it counts as free then. */
  readonly expireAt: number;
}

/** What is taken of a resource. */
export interface Taken {
  readonly documents: readonly Stored[];
  readonly numbers: readonly number[];
  /** By number: documents that stores have not removed yet. */
  readonly expired: ReadonlyMap<number, Stored>;
}

/** How many may have a resource at a time; `undefined` for any number: its agent has no limit (any more), or is gone. */
export async function limitOf(
  runtime: Pick<Runtime, 'agents' | 'control' | 'clock' | 'settings'>,
  tenant: string,
  gate: string,
): Promise<number | undefined> {
  const [kind, name = ''] = gate.split(/:(.*)/s);
  return kind === 'agent' ? (await agentOf(runtime, tenant, name))?.concurrency : 1;
}

/** Reads it. */
export async function takenOf(
  { documents, clock }: Pick<Runtime, 'documents' | 'clock'>,
  tenant: string,
  gate: string,
): Promise<Taken> {
  const { documents: found } = await documents.query(SLOTS, {
    equal: { resource: resourceOf(tenant, gate) },
    orderBy: { field: 'number', direction: 'asc' },
    limit: MOST,
  });
  const isExpired = ({ data }: Stored): boolean => (data.expireAt as number) <= clock.now();
  const numberOf = ({ data }: Stored): number => data.number as number;
  const held = found.filter((one) => !isExpired(one));
  return {
    documents: held,
    numbers: held.map(numberOf),
    expired: new Map(found.filter(isExpired).map((one) => [numberOf(one), one])),
  };
}

/**
 * The numbers that may be taken. After a limit was lowered there are slots above it: as long as there are, fewer numbers are given
 * out, and always the lowest, so that whoever sees them later or earlier cannot, with others, have more than the limit.
 */
export function freeNumbers(limit: number, taken: readonly number[]): number[] {
  const isTaken = new Set(taken);
  let below = limit;
  let above = taken.filter((number) => number >= limit).length;
  while (below > 0 && below + above > limit) {
    below -= 1;
    if (isTaken.has(below)) above += 1;
  }
  return Array.from({ length: below }, (_, number) => number).filter((number) => !isTaken.has(number));
}

/** The id of a slot's document, and the write by which it is taken. */
export function takeSlot(
  { expired }: Taken,
  { tenant, gate, number }: { readonly tenant: string; readonly gate: string; readonly number: number },
  holder: Pick<Slot, 'holder' | 'life' | 'takenAt' | 'expireAt'>,
): { readonly id: string; readonly write: Write } {
  const resource = resourceOf(tenant, gate);
  const id = `${resource}-${number}`;
  const data = { resource, number, ...holder };
  const before = expired.get(number);
  if (before === undefined) return { id, write: { kind: 'create', collection: SLOTS, id, data } };
  return { id, write: { kind: 'replace', collection: SLOTS, id, version: before.version, data } };
}

/** The gates at which a task has taken something. */
export function gatesTaken({ tenant, agent, projectId, took = [] }: TaskCore): readonly string[] {
  const gates = [...(projectId === undefined ? [] : [projectGate(projectId)]), agentGate(agent)];
  return gates.filter((gate) => took.some((id) => id.startsWith(`${resourceOf(tenant, gate)}-`)));
}
