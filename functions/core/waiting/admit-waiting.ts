/**
 * Giving what is free to those who wait for it: the highest priority first, then the oldest. Asked after every release, by whoever
 * joins a line (what was released before that would be lost otherwise), and by the sweeper.
 */

import type { Closers } from '../close.ts';
import { PreconditionFailed, type Stored } from '../ports.ts';
import { publishOrLeave, runMessage } from '../run-message.ts';
import { readTask } from '../store.ts';
import { type Advanced, advance, type Offer } from './advance.ts';
import { DEPENDENTS, type Dependent } from './dependencies.ts';
import { isResource, RESUME } from './gate-names.ts';
import { firstInLine, placeOf } from './line.ts';
import { freeNumbers, limitOf, takenOf } from './taken.ts';

const AT_ONCE = 20;
const PAGE = 100;
/** Looks in which somebody else has had everything: he has admitted them. */
const MAX_LOST = 10;

/**
 * Gives the free slots of a gate (`agent:<name>`, `project:<id>`) to those who stand before it, until `until` (milliseconds since
 * the epoch). Whom it lets go on to the next gate, it has look there too.
 */
export async function admitWaiting(runtime: Closers, tenant: string, gate: string, until: number): Promise<void> {
  const gates = new Set([gate]);
  for (const next of gates) {
    if (runtime.clock.now() >= until) return;
    // Each time somebody has gone on by it, so this comes to an end.
    gates.delete(next);
    for (const further of await admitAt(runtime, tenant, next, until)) gates.add(further);
  }
}

/** Returns the gates at which those now stand who passed this one, or gave something back. */
async function admitAt(runtime: Closers, tenant: string, gate: string, until: number): Promise<readonly string[]> {
  const further = new Set<string>();
  for (let lost = 0; lost < MAX_LOST && runtime.clock.now() < until; ) {
    const limit = await limitOf(runtime, tenant, gate);
    const [taken, line] = await Promise.all([takenOf(runtime, tenant, gate), firstInLine(runtime, tenant, gate, AT_ONCE)]);
    const numbers = limit === undefined ? undefined : freeNumbers(limit, taken.numbers);
    const batch = numbers === undefined ? line : line.slice(0, numbers.length);
    if (batch.length === 0) break;
    // Of those who look at the same time, few begin with the same.
    const first = runtime.ids.below(Math.max(1, numbers?.length ?? 0));
    const admitted = await Promise.all(
      batch.map((place, index) => {
        const number = numbers?.[(first + index) % numbers.length];
        return admit(runtime, gate, place, number === undefined ? undefined : { gate, number, taken });
      }),
    );
    for (const one of admitted) for (const next of one.next) further.add(next);
    lost = admitted.some(({ isDone }) => isDone) ? 0 : lost + 1;
  }
  return [...further];
}

interface Admitted {
  /** Whether the place in line is his no more. */
  readonly isDone: boolean;
  /** The gates at which somebody has to look then. */
  readonly next: readonly string[];
}

async function admit(runtime: Closers, gate: string, place: Stored, offer: Offer | undefined): Promise<Admitted> {
  const known = await readTask(runtime, (place.data as unknown as Dependent).dependent);
  if (known?.task.standing !== gate || placeOf(known, gate) !== place.id) return { isDone: await forget(runtime, place), next: [] };
  const next = await advance(runtime, known, { by: 'admission', offer });
  await published(runtime, next);
  if (next.kind !== 'waiting') return { isDone: next.kind !== 'moved', next: [] };
  const { standing } = next.known.task;
  const isDone = standing !== gate;
  return { isDone, next: [...next.freed, ...(isDone && standing !== undefined ? [standing] : [])].filter(isResource) };
}

/** Who no longer waits keeps nobody's place. One that has been taken again meanwhile stays. */
async function forget({ documents }: Pick<Closers, 'documents'>, { id, version }: Stored): Promise<boolean> {
  try {
    await documents.commit([{ kind: 'delete', collection: DEPENDENTS, id, version }]);
    return true;
  } catch (error) {
    if (!(error instanceof PreconditionFailed)) throw error;
    return false;
  }
}

/** Has those go on that were paused, and are not any more, until `until`; the sweeper has the rest. */
export async function resumeWaiting(runtime: Closers, tenant: string, until: number): Promise<void> {
  const further = new Set<string>();
  let last: Stored | undefined;
  do {
    const page = await firstInLine(runtime, tenant, RESUME, PAGE, last);
    for (let index = 0; index < page.length; index += AT_ONCE) {
      const batch = page.slice(index, index + AT_ONCE);
      const admitted = await Promise.all(batch.map((place) => admit(runtime, RESUME, place, undefined)));
      for (const { next } of admitted) for (const gate of next) further.add(gate);
    }
    last = page.length < PAGE ? undefined : page.at(-1);
  } while (last !== undefined && runtime.clock.now() < until);
  for (const gate of further) await admitWaiting(runtime, tenant, gate, until);
}

/** Publishes whom it has released. */
async function published(runtime: Closers, next: Advanced): Promise<void> {
  if (next.kind === 'released') await publishOrLeave(runtime, runMessage(next.known, next.known.task));
}
