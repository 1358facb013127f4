/**
 * Seals the heads of the audit chains, hourly. A round goes through all that was decided on since the one before, in slices: each
 * an object, and then the progress that follows from it. A sweep that was killed in between, or that met another, finds the object
 * and goes on from what it says.
 */

import { AUDIT_HEADS, type AuditHead } from '../core/audit/audit.ts';
import {
  entriesIn,
  NOT_BEGUN,
  PROGRESS,
  rootName,
  SEALING,
  SEALS,
  type Seal,
  type SealedEntity,
  type SealedTask,
  type Sealing,
  type SealPlace,
  sealName,
  signed,
  unsigned,
} from '../core/audit/seals.ts';
import { dayOf } from '../core/days.ts';
import { PreconditionFailed, type Stored, type Write } from '../core/ports.ts';
import type { Runtime } from '../core/runtime.ts';
import { SHARDS, TASKS } from '../core/store.ts';
import type { Task } from '../core/task.ts';
import { fromDocument } from '../core/task-document.ts';
import { caughtUp } from './caught-up.ts';

/** Half a megabyte. */
const HEADS_PER_SEAL = 2_000;
const PAGE = 500;
/** The shards of the tasks, then those of everything else. */
const SOURCES = 2 * SHARDS;
/** The part of a sweep's time that is for this. */
const SHARE = 5;
const SECOND_MS = 1_000;

interface Found {
  readonly version: string | undefined;
  readonly state: Sealing;
}

/** Returns how many heads were sealed. What another sweep does at the same time is left to it. */
export async function sealChains(runtime: Runtime): Promise<number> {
  const { clock, settings } = runtime;
  const until = clock.now() + settings.times.sweepRunMs / SHARE;
  let count = 0;
  try {
    let found = await progress(runtime);
    if (found.state.round === undefined && clock.now() < found.state.nextAt) return 0;
    if (found.state.round === undefined) found = await begin(runtime, found);
    do {
      const { heads, next } = await slice(runtime, found.state, until);
      found =
        heads.length === 0
          ? await write(runtime, found, after(runtime, found.state, next))
          : await seal(runtime, found, heads, next);
      count += heads.length;
    } while (found.state.round !== undefined && clock.now() < until);
  } catch (error) {
    if (!(error instanceof PreconditionFailed)) {
      runtime.log.error({ err: error }, 'The audit chains could not be sealed; the next sweep tries again.');
    }
  }
  return count;
}

async function progress({ documents }: Runtime): Promise<Found> {
  const stored = await documents.get(SEALING, PROGRESS);
  return { version: stored?.version, state: (stored?.data.state as Sealing | undefined) ?? NOT_BEGUN };
}

async function write({ documents }: Runtime, { version }: Found, state: Sealing): Promise<Found> {
  const place = { collection: SEALING, id: PROGRESS, data: { state } };
  const change: Write = version === undefined ? { kind: 'create', ...place } : { kind: 'replace', version, ...place };
  const [written] = await documents.commit([change]);
  return { version: written?.version, state };
}

/** A round's time is written before it is used: two sweeps give a seal the same name. The day that is over gets its root. */
async function begin(runtime: Runtime, found: Found): Promise<Found> {
  const state = await caughtUp(runtime, found.state);
  const now = runtime.clock.now();
  const at = Math.max(now, state.at);
  const round = { at, cutoff: now - runtime.settings.times.sealLagMs };
  const { day } = state;
  if (day === undefined || day.day === dayOf(at)) return write(runtime, found, { ...state, round });
  const { first } = day;
  const root = { kind: 'root', day: day.day, first, last: state.number, head: state.signature, previous: state.root } as const;
  const { bytes, signature } = signed(runtime.signing, root);
  await runtime.objects.put(SEALS, rootName(day.day), bytes, { ifAbsent: true });
  const { day: _, ...rest } = state;
  return write(runtime, found, { ...rest, root: signature, round });
}

/** The next heads, and the place behind them. */
async function slice(runtime: Runtime, state: Sealing, until: number) {
  const heads: (SealedTask | SealedEntity)[] = [];
  const cursors = { ...state.cursors };
  let { source } = state;
  while (source < SOURCES && heads.length <= HEADS_PER_SEAL - PAGE && runtime.clock.now() < until) {
    const found = await decided(runtime, state, source);
    heads.push(...found.map((document) => headOf(runtime, state, source, document)));
    const last = found.at(-1);
    if (last !== undefined) cursors[source] = { value: last.data.sealAt as number, id: last.id };
    if (found.length < PAGE) source += 1;
  }
  return { heads, next: { source, cursors } };

  async function decided({ documents, control }: Runtime, { round, cursors: from }: Sealing, of: number): Promise<Stored[]> {
    const [store, collection] = of < SHARDS ? [documents, TASKS] : [control, AUDIT_HEADS];
    const place = cursors[of] ?? from[of];
    const { documents: found } = await store.query(collection, {
      equal: { shard: of % SHARDS },
      orderBy: { field: 'sealAt', direction: 'asc' },
      atMost: round?.cutoff ?? 0,
      ...(place === undefined ? {} : { after: place }),
      fields: of < SHARDS ? ['state', 'expireAt', 'sealAt'] : ['tenant', 'entity', 'chain', 'sealAt'],
      limit: PAGE,
    });
    return found;
  }
}

function headOf({ settings }: Runtime, { round }: Sealing, source: number, { id, data }: Stored): SealedTask | SealedEntity {
  if (source >= SHARDS) {
    const { tenant, entity, chain } = data as unknown as AuditHead;
    return { tenant, entity, head: chain.head, count: entriesIn(chain) };
  }
  const { chain, expireAt } = fromDocument(data) as Pick<Task, 'chain' | 'expireAt'>;
  // One that has not ended is kept for its retention from whenever it does.
  const until = expireAt ?? (round?.at ?? 0) + settings.times.retentionMs;
  return { task: id, head: chain.head, count: entriesIn(chain), until };
}

async function seal(runtime: Runtime, found: Found, heads: Seal['heads'], next: SealPlace): Promise<Found> {
  const { signing, objects, log } = runtime;
  const { state } = found;
  const round = state.round ?? { at: state.at, cutoff: 0 };
  const wanted: Seal = { kind: 'seal', number: state.number + 1, ...round, previous: state.signature, heads, next };
  const name = sealName(wanted);
  const { bytes, signature } = signed(signing, wanted);
  if (await objects.put(SEALS, name, bytes, { ifAbsent: true }))
    return write(runtime, found, after(runtime, state, next, wanted, signature));
  const there = await objects.get(SEALS, name);
  const ours = there && unsigned(signing, there);
  if (ours?.value.kind === 'seal' && ours.value.number === wanted.number && ours.value.previous === wanted.previous)
    return write(runtime, found, after(runtime, state, ours.value.next, ours.value, ours.signature));
  log.error({ name }, 'An object that is not ours stands where a seal belongs; npm run audit:verify tells more.');
  return write(runtime, found, { ...state, round: { ...round, at: round.at + SECOND_MS } });
}

/** The progress once all up to `next` is sealed, by `made` if there was anything. */
function after({ settings }: Runtime, before: Sealing, next: SealPlace, made?: Seal, signature = ''): Sealing {
  const { round, ...rest } = before;
  const day = made && { day: before.day ?? { day: dayOf(made.at), first: made.number } };
  const last = made && { number: made.number, signature, at: made.at, ...day };
  const isDone = next.source >= SOURCES;
  if (!isDone) return { ...rest, round, ...next, ...last };
  return { ...rest, ...last, cursors: next.cursors, source: 0, nextAt: (round?.at ?? 0) + settings.times.sealMs };
}
