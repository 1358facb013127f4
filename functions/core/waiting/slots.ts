/** Taking and giving back what only so many may have at a time: by a task's end, and by whoever else needs a project to himself. */

import type { Closers } from '../close.ts';
import { DAY_MS } from '../days.ts';
import { PreconditionFailed } from '../ports.ts';
import type { Runtime } from '../runtime.ts';
import { type Known, lifeOf } from '../task.ts';
import { admitWaiting } from './admit-waiting.ts';
import { freeNumbers, gatesTaken, limitOf, SLOTS, takenOf, takeSlot } from './taken.ts';

const MAX_TRIES = 20;

/** Gives back what an ended task took, and has those go on who wait for it. Does no harm when it is done again. */
export async function releaseTaken(runtime: Closers, { id, task }: Known, until: number): Promise<void> {
  const { tenant, took = [] } = task;
  await deleteHeld(runtime, took, (holder, life) => holder === id && life === lifeOf(task));
  for (const gate of gatesTaken(task)) await admitWaiting(runtime, tenant, gate, until);
}

/**
 * Takes a resource (`project:<id>`) for something that is no task, for at most `forMs`; taken again, it is held from then on for as
 * long. Returns whether `holder` has it; it does not wait.
 */
export async function takeResource(
  runtime: Pick<Runtime, 'documents' | 'clock' | 'agents' | 'control' | 'settings'>,
  tenant: string,
  resource: string,
  holder: string,
  forMs: number = DAY_MS,
): Promise<boolean> {
  const { documents, clock } = runtime;
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const now = clock.now();
    const mine = { holder, life: '', takenAt: now, expireAt: now + forMs };
    const limit = (await limitOf(runtime, tenant, resource)) ?? 1;
    const taken = await takenOf(runtime, tenant, resource);
    const own = taken.documents.find(({ data }) => data.holder === holder);
    const [number] = freeNumbers(limit, taken.numbers);
    if (own === undefined && number === undefined) return false;
    try {
      if (own !== undefined) {
        const { expireAt } = mine;
        await documents.commit([{ kind: 'update', collection: SLOTS, id: own.id, version: own.version, set: { expireAt } }]);
      } else await documents.commit([takeSlot(taken, { tenant, gate: resource, number: number as number }, mine).write]);
      return true;
    } catch (error) {
      if (!(error instanceof PreconditionFailed)) throw error;
    }
  }
  return false;
}

/** Gives it back, and has those go on who wait for it, until `until` (milliseconds since the epoch); the sweeper has the rest. */
export async function releaseResource(
  runtime: Closers,
  tenant: string,
  resource: string,
  holder: string,
  until: number = runtime.clock.now() + runtime.settings.times.followUpMs,
): Promise<void> {
  const { documents } = await takenOf(runtime, tenant, resource);
  await deleteHeld(
    runtime,
    documents.map(({ id }) => id),
    (its) => its === holder,
  );
  await admitWaiting(runtime, tenant, resource, until);
}

async function deleteHeld(
  { documents }: Pick<Runtime, 'documents'>,
  ids: readonly string[],
  isHeld: (holder: unknown, life: unknown) => boolean,
): Promise<void> {
  const found = await Promise.all(ids.map((id) => documents.get(SLOTS, id)));
  for (const slot of found) {
    if (slot === undefined || !isHeld(slot.data.holder, slot.data.life)) continue;
    try {
      await documents.commit([{ kind: 'delete', collection: SLOTS, id: slot.id, version: slot.version }]);
    } catch (error) {
      // Whoever else gives it back has done so.
      if (!(error instanceof PreconditionFailed)) throw error;
    }
  }
}
