/**
 * One step of a waiting task: past all that keeps it no longer, to what does. It goes past the tasks that have succeeded, its
 * `notBefore`, an approval, a pause that is over, and takes the slots that are free, all in one commit; what is left it waits for,
 * in line where there is one.
 */

import { askOrLeave } from '../backup-records.ts';
import type { Closers } from '../close.ts';
import { closing } from '../closing.ts';
import { DAY_MS } from '../days.ts';
import { PreconditionFailed, type Write } from '../ports.ts';
import { pauseOf } from '../registry/switches.ts';
import { type Change, readTask, writeChange } from '../store.ts';
import { BULK, type Known, lifeOf, type Task, type TaskError } from '../task.ts';
import { readApproval } from './approvals.ts';
import { dependencyFailed, endsOf } from './dependency-ends.ts';
import { APPROVAL, BACKUP, isGate, isLock, isResource, RESUME, stillWaitingFor } from './gate-names.ts';
import { givingBack } from './give-back.ts';
import { firstInLine, joinLine, leaveLine } from './line.ts';
import { freeNumbers, limitOf, type Taken, takenOf, takeSlot } from './taken.ts';
import { wakingFor } from './wake-time.ts';

const MAX_TRIES = 20;

/**
 * `released`: queued, and to be published; `waiting` on; `cancelled`, with follow-ups to be done; `moved`: it no longer waits, or
 * somebody else has taken what it was offered.
 */
export type Advanced =
  | { readonly kind: 'released' | 'cancelled'; readonly known: Known<Task> }
  /** `freed`: the gates at which it has given something back. */
  | { readonly kind: 'waiting'; readonly known: Known<Task>; readonly freed: readonly string[] }
  | { readonly kind: 'moved' };

/** Who has it go on, for the timeline; a dependency that is known to have ended; a slot that it may take. */
export interface Occasion {
  readonly by: string;
  readonly ended?: Known;
  readonly offer?: Offer;
}

export interface Offer {
  readonly gate: string;
  readonly number: number;
  readonly taken: Taken;
}

/** Has a waiting task go on, as far as it can; what it was offered it takes, or does nothing. */
export async function advance(runtime: Closers, known: Known<Task>, occasion: Occasion): Promise<Advanced> {
  let current: Known<Task> | undefined = known;
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    if (current?.task.status !== 'waiting') return { kind: 'moved' };
    const { change, kind, freed = [] } = await nextStep(runtime, current, occasion);
    if (change === undefined) return { kind: 'waiting', known: current, freed };
    try {
      current = withBulk(await writeChange(runtime, current, change), current.task);
      if (kind === 'further') continue;
      if (kind !== 'waiting') return { kind, known: current };
      if (current.task.waitingFor?.[0] === BACKUP) await askOrLeave(runtime, { kind: 'task-backup', taskId: current.id });
      return { kind, known: current, freed };
    } catch (error) {
      if (!(error instanceof PreconditionFailed)) throw error;
      if (occasion.offer !== undefined) return { kind: 'moved' };
      current = await readTask(runtime, known.id);
    }
  }
  // So contended, others have it go on; or the sweeper will.
  return { kind: 'moved' };
}

/** What is to be written next, if anything, and what it then is; `further` when there is more to do at once. */
interface Step {
  readonly change?: Change;
  readonly kind: 'released' | 'cancelled' | 'waiting' | 'further';
  readonly freed?: readonly string[];
}

async function nextStep(runtime: Closers, known: Known<Task>, occasion: Occasion): Promise<Step> {
  const { task } = known;
  const { by, ended } = occasion;
  const before = task.waitingFor ?? [];
  const isOther = (name: string): boolean => !isGate(name);
  const { succeeded, failed } = await endsOf(runtime, before.filter(isOther), ended);
  if (failed !== undefined && before.includes(failed.id)) return cancelled(runtime, known, dependencyFailed(failed), by);
  if (before.includes(APPROVAL)) {
    const approval = await readApproval(runtime, known);
    if (approval?.decision === 'rejected') return cancelled(runtime, known, rejected(approval), approval.by);
    if (approval !== undefined) return approved(known, approval.by);
  }
  const left = before.filter((name) => !succeeded.has(name));
  const now = runtime.clock.now();
  const isEarly = (task.notBefore ?? 0) > now;
  if (isEarly || left.some(isOther) || left.includes(APPROVAL)) return waits(runtime, known, left, { by, isEarly });
  const pause = await pauseOf(runtime, task.tenant, task);
  const gates = left.filter((name) => name !== RESUME);
  if (pause !== undefined) return paused(runtime, known, gates, { by, code: pause.code });
  return takesWhatIsFree(runtime, known, gates, occasion);
}

/** What it has taken it gives back. */
function paused(runtime: Closers, known: Known<Task>, gates: readonly string[], besides: Besides): Step {
  const { freed, again, also, remove } = givingBack(known.task);
  const left = [RESUME, ...again, ...gates.filter((gate) => !again.includes(gate))];
  return { ...waits(runtime, known, left, { ...besides, also, remove }), freed };
}

function cancelled(runtime: Closers, known: Known<Task>, error: TaskError, by: string): Step {
  return { change: closing(runtime, known, { status: 'cancelled', error, by }, undefined), kind: 'cancelled' };
}

/** By itself, so that the timeline says who did it. */
function approved(known: Known<Task>, by: string): Step {
  const left = (known.task.waitingFor ?? []).filter((name) => name !== APPROVAL);
  const event = { event: 'approved', by };
  return { change: { ...stillWaitingFor(left), event, also: [leaveLine(known, APPROVAL)] }, kind: 'further' };
}

const rejected = ({ comment }: { readonly comment?: string }): TaskError => ({
  code: 'approval_rejected',
  message: `Whoever had to approve it has rejected it${comment === undefined ? '.' : `: ${comment}`}`,
});

/** Takes what is free of the gates, in their order, and then runs, or waits at the first that it cannot pass. */
async function takesWhatIsFree(runtime: Closers, known: Known<Task>, gates: readonly string[], occasion: Occasion): Promise<Step> {
  const { task, id } = known;
  const { by, offer } = occasion;
  const now = runtime.clock.now();
  const holder = { holder: id, life: lifeOf(task), takenAt: now, expireAt: task.ttl * 1000 + DAY_MS };
  const slots: { readonly gate: string; readonly id: string; readonly write: Write }[] = [];
  let left = gates;
  for (const gate of gates) {
    const free = isResource(gate) ? await freeFor(runtime, known, gate, offer) : undefined;
    if (free === undefined) break;
    if (free !== 'unlimited') slots.push({ gate, ...takeSlot(free.taken, { tenant: task.tenant, ...free }, holder) });
    left = left.slice(1);
  }
  const also = slots.map(({ write }) => write);
  const set = {
    ...(slots.length > 0 ? { took: [...(task.took ?? []), ...slots.map((slot) => slot.id)] } : {}),
    ...(slots.some(({ gate }) => isLock(gate)) ? { lockedAt: now } : {}),
  };
  const [first] = slots;
  const event = first && { event: 'admitted', to: first.gate, by };
  if (left.length > 0) return waits(runtime, known, left, { by, set, also, event });
  const wakeAt = Math.min(now + runtime.settings.times.republishMs, task.ttl * 1000);
  const change: Change = {
    set: { ...set, status: 'queued', wakeAt },
    remove: ['waitingFor', 'standing', 'wakeDelayMs'],
    event: { event: 'queued', by },
    also: [...also, ...(task.standing === undefined ? [] : [leaveLine(known, task.standing)])],
  };
  return { change, kind: 'released' };
}

/** A number that it may take: what it was offered, or one that nobody waits for. */
async function freeFor(
  runtime: Closers,
  { id, task }: Known<Task>,
  gate: string,
  offer: Offer | undefined,
): Promise<'unlimited' | Offer | undefined> {
  if (offer?.gate === gate) return offer;
  const { tenant } = task;
  const limit = await limitOf(runtime, tenant, gate);
  if (limit === undefined) return 'unlimited';
  const [taken, line] = await Promise.all([takenOf(runtime, tenant, gate), firstInLine(runtime, tenant, gate, 1)]);
  const isFirst = line.every(({ data }) => data.dependent === id);
  const numbers = isFirst ? freeNumbers(limit, taken.numbers) : [];
  // Of those who look at the same time, few choose the same.
  const number = numbers[runtime.ids.below(Math.max(1, numbers.length))];
  return number === undefined ? undefined : { gate, number, taken };
}

/** What is to be written besides; `code` is why it waits. */
interface Besides {
  readonly by: string;
  readonly code?: string;
  /** Before its time it stands in no line: nobody behind it could pass. */
  readonly isEarly?: boolean;
  readonly set?: Change['set'];
  readonly also?: readonly Write[];
  readonly remove?: readonly (keyof Task)[];
  readonly event?: Change['event'] | undefined;
}

/** It waits for what is left: in line, where the next gate has one. Where nothing has changed, nothing is written until it is time. */
function waits(runtime: Closers, known: Known<Task>, left: readonly string[], besides: Besides): Step {
  const { task } = known;
  const { by, code, isEarly = false, set, also = [], remove = [], event } = besides;
  const next = isEarly ? undefined : left[0];
  const standing = next !== undefined && (next === RESUME || isResource(next)) ? next : undefined;
  const hasMoved = standing !== task.standing;
  const isSame = !hasMoved && also.length === 0 && left.length === (task.waitingFor ?? []).length;
  if (isSame && (task.wakeAt ?? 0) > runtime.clock.now()) return { kind: 'waiting' };
  const stands = hasMoved && standing !== undefined ? { event: 'waiting', for: [standing], ...(code && { code }), by } : undefined;
  const said = event ?? stands;
  const still = stillWaitingFor(left);
  const change: Change = {
    set: {
      ...set,
      ...still.set,
      ...(standing === undefined ? {} : { standing }),
      ...wakingFor(runtime, task, next),
    },
    remove: [...remove, ...(still.remove ?? []), ...(standing === undefined ? (['standing'] as const) : [])],
    ...(said === undefined ? {} : { event: said }),
    also: [
      ...also,
      ...(hasMoved && task.standing !== undefined ? [leaveLine(known, task.standing)] : []),
      ...(hasMoved && standing !== undefined ? [joinLine(known, standing)] : []),
    ],
  };
  return { change, kind: 'waiting' };
}

/** What a change leaves as it was, beside what is known after it. */
function withBulk({ id, version, task }: Known, before: Task): Known<Task> {
  const bulk = Object.fromEntries(Object.entries(before).filter(([field]) => BULK.has(field)));
  return { id, version, task: { ...bulk, ...task } as unknown as Task };
}
