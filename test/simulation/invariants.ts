/** What must hold at every step: each change of a task's document is held against the one before it. */

import type { Fields } from '../../functions/core/ports.ts';
import { brokenLink, timelineStart } from '../../functions/core/signing.ts';
import { committedMicros, isEnded, type Task } from '../../functions/core/task.ts';
import { fromDocument } from '../../functions/core/task-document.ts';
import type { StoreChange } from './store.ts';
import type { World } from './world.ts';

/** Checks every change of a task; the first one that breaks a rule is told to the oracle. */
export function watchTasks(world: World): void {
  world.documents.onCommit((changes) => {
    for (const change of changes) if (change.collection === 'tasks') check(world, change);
  });
}

function check(world: World, change: StoreChange): void {
  const { id, at, before, after } = change;
  world.story.tell('store', () => `${id}: ${summary(before)} -> ${summary(after)}`);
  const broken = brokenRule(world, change);
  if (broken !== undefined) world.oracle.violated(broken[0], `${id} at ${at}: ${broken[1]}`);
}

type Broken = readonly [rule: string, detail: string] | undefined;

function brokenRule(world: World, { id, before, after, at }: StoreChange): Broken {
  if (after === undefined) return ['nothing accepted is lost', 'its document was removed'];
  const now = fromDocument(after);
  if (before === undefined) return brokenState(now) ?? brokenChain(world, id, undefined, now);
  const was = fromDocument(before);
  return (
    brokenState(now) ??
    brokenEnd(was, now) ??
    brokenStep(world, id, was, now, at) ??
    brokenCharges(was, now) ??
    brokenChain(world, id, was, now)
  );
}

/** Of a document by itself. */
function brokenState(task: Task): Broken {
  const { status, epoch, charges, wakeAt, ttl } = task;
  const ended = isEnded(status);
  if (ended !== (task.finishedAt !== undefined)) return ['an end has its time', `${status} ${task.finishedAt}`];
  if (ended !== (task.expireAt !== undefined)) return ['only what has ended is let go', `${status} ${task.expireAt}`];
  if (!ended && wakeAt === undefined) return ['the sweeper finds what has not ended', status];
  if (ended && (wakeAt === undefined) !== (task.pending === undefined))
    return ['the sweeper finds what is to follow', String(wakeAt)];
  if (status === 'running' && (charges.at(-1)?.epoch !== epoch || task.leasedAt === undefined || task.leaseMs === undefined)) {
    return ['a run has its charge and its lease', JSON.stringify(charges)];
  }
  if (new Set(charges.map((charge) => charge.epoch)).size !== charges.length)
    return ['one charge per attempt', JSON.stringify(charges)];
  if (charges.some((charge) => charge.epoch > epoch)) return ['a charge has its attempt', JSON.stringify(charges)];
  if (charges.some(({ costMicros = 0, quoteMicros }) => costMicros > quoteMicros || costMicros < 0)) {
    return ['no charge is above its quote', JSON.stringify(charges)];
  }
  if (ended && charges.some(({ costMicros }) => costMicros === undefined))
    return ['an end settles every attempt', JSON.stringify(charges)];
  if (committedMicros(task) > task.budgetMicros)
    return ['no budget is exceeded', `${committedMicros(task)} of ${task.budgetMicros}`];
  if (task.attempts > task.maxAttempts) return ['no more attempts than allowed', `${task.attempts} of ${task.maxAttempts}`];
  if (!Number.isFinite(ttl)) return ['a task has a time limit', String(ttl)];
  return undefined;
}

/** A task that has ended stays as it is, but for what its late reports and follow-ups add; a redrive begins a new life. */
function brokenEnd(was: Task, now: Task): Broken {
  if (now.redrives !== was.redrives) {
    const isRedrive =
      was.status === 'dead' &&
      ['queued', 'waiting'].includes(now.status) &&
      now.redrives === was.redrives + 1 &&
      now.epoch > was.epoch;
    return isRedrive ? undefined : ['only what is dead is redriven', `${was.status} -> ${now.status}`];
  }
  if (!isEnded(was.status)) return undefined;
  for (const field of ['status', 'result', 'resultRef', 'error', 'closedEpoch', 'finishedAt', 'epoch', 'attempts'] as const) {
    if (!same(was[field], now[field])) {
      return ['a terminal state never changes', `${field}: ${JSON.stringify(was[field])} -> ${JSON.stringify(now[field])}`];
    }
  }
  // A late report is to be told to the budgets; nothing else comes back.
  const back = now.pending?.filter((one) => one !== 'budget' && !was.pending?.includes(one)) ?? [];
  if (back.length > 0) return ['what was done is not done again', String(back)];
  const isToldAgain = now.timeline.length > was.timeline.length && now.timeline.at(-1)?.event.startsWith('callback_');
  if (was.callback !== undefined && (was.callback !== now.callback || isToldAgain))
    return ['a callback has one end', `${was.callback} -> ${now.callback}`];
  return undefined;
}

/** From one state to the next, and by whom: the timeline names the epoch that wrote. */
function brokenStep(world: World, id: string, was: Task, now: Task, at: number): Broken {
  const entry = now.timeline.length > was.timeline.length ? now.timeline.at(-1) : undefined;
  const step = `${was.status} -> ${now.status}`;
  if (now.epoch < was.epoch) return ['epochs only grow', `${was.epoch} -> ${now.epoch}`];
  if (!isEnded(was.status) && now.redrives === was.redrives && !(STEPS[was.status] ?? '').includes(now.status)) {
    return ['a task goes its way', step];
  }
  const isClaim = was.status === 'queued' && now.status === 'running';
  if (now.redrives === was.redrives && now.epoch !== was.epoch + (isClaim ? 1 : 0))
    return ['an epoch is a claim', `${step}, epoch ${now.epoch}`];
  const late = at - world.skewMs;
  if (isClaim && late > was.ttl * 1000 + SLACK_MS)
    return ['nothing runs past its deadline', `claimed ${at - was.ttl * 1000} ms after it`];
  if (isClaim && was.retryAt !== undefined && at + world.skewMs < was.retryAt)
    return ['a pause is kept', `${was.retryAt - at} ms early`];
  if (was.status === 'waiting' && now.status === 'queued' && at + world.skewMs < (was.notBefore ?? 0))
    return ['notBefore is kept', step];
  if (now.status === 'succeeded' && !isEnded(was.status) && isTooLate(world, id, now)) {
    return ['an outcome after the deadline does not count', step];
  }
  if (was.status !== 'running') return undefined;

  if (entry !== undefined && FENCED.has(entry.event) && entry.epoch !== was.epoch) {
    return ['an older attempt changes nothing', `${entry.event} of epoch ${entry.epoch} while ${was.epoch} runs`];
  }
  if (isEnded(now.status) && now.status !== 'succeeded' && now.closedEpoch !== undefined && now.closedEpoch !== was.epoch) {
    return ['an older attempt changes nothing', `${now.status} by epoch ${now.closedEpoch} while ${was.epoch} runs`];
  }
  if (entry?.by === 'sweeper') {
    const { resultGraceMs } = world.settings.times;
    const lease = was.parked ? was.ttl * 1000 : Math.min((was.leasedAt ?? 0) + (was.leaseMs ?? 0), was.ttl * 1000);
    const overdue = at - lease - resultGraceMs;
    if (overdue < 0) return ['nothing is taken back while its lease lives', `${-overdue} ms early`];
    const couldBeTaken = Math.max(lease + resultGraceMs, world.faultsEnd);
    if (now.status === 'expired' && was.ttl * 1000 - couldBeTaken > TIME_TO_TAKE_BACK_MS)
      return ['what was lost is taken back', step];
    if (entry.code === 'lease_lost' && world.isSteady) return ['no lease is lost without a cause', `epoch ${was.epoch}`];
  }
  if (was.cancelRequested && now.status === 'queued') return ['what is to be cancelled does not run again', step];
  return undefined;
}

const STEPS: Readonly<Record<string, string>> = {
  // One that was set back may still have succeeded in an attempt before.
  waiting: 'waiting queued expired cancelled failed succeeded',
  queued: 'queued waiting running expired cancelled failed dead succeeded',
  running: 'running queued succeeded failed expired cancelled dead',
};
const FENCED: ReadonlySet<string> = new Set(['retry', 'progress', 'parked']);
/** A claim that was decided in time may arrive a little later. */
const SLACK_MS = 200_000;

/** A sweep or two. */
const TIME_TO_TAKE_BACK_MS = 150_000;

/** Whether no result of the attempt can have been given by the ttl: HTTP agents say when, and codex pauses as it is told. */
function isTooLate({ oracle, skewMs }: World, id: string, { closedEpoch, ttl, timeline, payload }: Task): boolean {
  const began = timeline.find(({ event, epoch }) => event === 'running' && epoch === closedEpoch)?.at;
  const pauseMs = typeof payload?.pauseMs === 'number' ? payload.pauseMs : 0;
  if (began !== undefined && began + pauseMs > ttl * 1000 + 2 * skewMs) return true;
  const run = oracle.runs.get(`${id}/${closedEpoch}`);
  return run !== undefined && !run.results.some(({ at }) => at <= ttl * 1000 + skewMs);
}

/** A charge stays, and only ever falls, once, to what was reported. */
function brokenCharges(was: Task, now: Task): Broken {
  for (const [index, charge] of was.charges.entries()) {
    const next = now.charges[index];
    const change = `${JSON.stringify(charge)} -> ${JSON.stringify(next)}`;
    if (next === undefined || next.epoch !== charge.epoch || next.quoteMicros !== charge.quoteMicros)
      return ['a charge stays', change];
    if (charge.costMicros === undefined) continue;
    if (next.costMicros === undefined || next.costMicros > charge.costMicros) return ['a charge only falls', change];
    if (charge.reported && next.costMicros !== charge.costMicros) return ['a report counts once', change];
  }
  const entry = now.timeline.length > was.timeline.length ? now.timeline.at(-1) : undefined;
  const isAgain = entry?.event === 'settled' && was.charges.some(({ epoch, reported }) => epoch === entry.epoch && reported);
  if (isAgain) return ['a report counts once', `epoch ${entry.epoch} was settled again`];
  return undefined;
}

/** What was added to the timeline follows from what was there, and the head that travels in messages is its last hash. */
function brokenChain({ signing }: World, id: string, was: Task | undefined, now: Task): Broken {
  const { timeline, chain } = now;
  const old = was?.timeline ?? [];
  const moved = Math.max(0, timeline.findIndex(({ hash }) => hash === old.at(-1)?.hash) + 1);
  const added = timeline.slice(moved);
  const previous = old.at(-1)?.hash ?? timelineStart(now.tenant, id);
  if (old.length > 0 && moved === 0) return ['audit chains verify', 'what was last in the timeline is gone'];
  if (moved <= old.length && moved > 0 && timeline[0]?.hash !== old[old.length - moved]?.hash)
    return ['audit chains verify', 'its past has changed'];
  if (brokenLink(signing, added, previous) !== -1)
    return ['audit chains verify', `after ${old.at(-1)?.event}: ${JSON.stringify(added)}`];
  if (chain.head !== timeline.at(-1)?.hash || chain.count !== timeline.length)
    return ['audit chains verify', 'its head is not its last entry'];
  return undefined;
}

const same = (a: unknown, b: unknown): boolean => a === b || JSON.stringify(a) === JSON.stringify(b);

function summary(document: Fields | undefined): string {
  if (document === undefined) return 'nothing';
  const { status, epoch, attempts, charges, pending, timeline } = fromDocument(document);
  const costs = charges.map((charge) => `${charge.epoch}:${charge.costMicros ?? `(${charge.quoteMicros})`}`).join(' ');
  return `${status} e${epoch} a${attempts}${costs && ` [${costs}]`}${pending ? ' pending' : ''} ${timeline.at(-1)?.event}`;
}
