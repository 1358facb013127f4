/**
 * Transactions on documents that many tasks write: budgets, allowances, and the parents whose budget their children share.
 *
 * A store takes few writes a second of one document, so the postings of an instance that wait for the same tenant share one
 * commit, and only one is under way at a time. A posting is decided on what was just read, one after the other, as if each
 * saw what the ones before it had done; nothing is refused or granted unless that very commit went through.
 */

import { Problem } from '../errors.ts';
import { type Documents, PreconditionFailed, type Write, type Written } from '../ports.ts';
import type { Runtime } from '../runtime.ts';
import { type Accounts, type OpenAccounts, openAccounts } from './accounts.ts';

const POSTINGS_PER_COMMIT = 100;
const BYTES_PER_COMMIT = 4 * 1024 * 1024;
/** Of the postings' own: one of a task that waits for others has as many as those. */
const WRITES_PER_COMMIT = 500;
const MAX_TRIES = 50;
const PAUSE_MS = 20;

/**
 * Moves amounts between accounts and returns the writes of its own that belong to the same commit. May be run several times,
 * so it has no other effect. What it throws refuses the posting and leaves the others alone.
 */
export type Decide = (accounts: Accounts) => Promise<readonly Write[]>;

/** What the ledger needs of an instance. */
export type LedgerParts = Pick<Runtime, 'documents' | 'clock' | 'ids'>;

interface Posting {
  readonly decide: Decide;
  readonly resolve: (written: readonly Written[]) => void;
  readonly reject: (error: unknown) => void;
}

/** One per instance and store: a queue for each tenant that has something under way. */
const ledgers = new WeakMap<Documents, Map<string, Posting[]>>();

/**
 * Posts in the tenant's queue and returns what became of the posting's own writes. Throws what `decide` throws,
 * `PreconditionFailed` when one of its own writes did not find what it requires, `Problem` 503 `contention`.
 */
export function post(runtime: LedgerParts, tenant: string, decide: Decide): Promise<readonly Written[]> {
  const queues = ledgers.get(runtime.documents) ?? new Map<string, Posting[]>();
  ledgers.set(runtime.documents, queues);
  return new Promise((resolve, reject) => {
    const posting = { decide, resolve, reject };
    const queue = queues.get(tenant);
    if (queue !== undefined) return queue.push(posting);
    queues.set(tenant, [posting]);
    void drain(runtime, queues, tenant);
  });
}

async function drain(runtime: LedgerParts, queues: Map<string, Posting[]>, tenant: string): Promise<void> {
  const queue = queues.get(tenant) as Posting[];
  while (queue.length > 0) await commitAll(runtime, queue.splice(0, POSTINGS_PER_COMMIT));
  queues.delete(tenant);
}

/** Answers every posting. */
async function commitAll(runtime: LedgerParts, postings: readonly Posting[]): Promise<void> {
  for (let batch = postings; batch.length > 0; ) {
    const tried = batch;
    batch = await commitBatch(runtime, tried).catch((error: unknown) => {
      for (const { reject } of tried) reject(error);
      return [];
    });
  }
}

interface Ready {
  readonly posting: Posting;
  readonly writes: readonly Write[];
}

/** Commits what fits; returns what did not. Every other posting of the batch is answered when this ends. */
async function commitBatch(runtime: LedgerParts, batch: readonly Posting[]): Promise<readonly Posting[]> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const accounts = openAccounts(runtime.documents);
    const { ready, refused, left } = await decided(accounts, batch);
    const answerRefused = () => {
      for (const { posting, error } of refused) posting.reject(error);
    };
    if (ready.length === 0) {
      answerRefused();
      return left;
    }
    try {
      const shared = accounts.writes();
      const writes = [...shared, ...ready.flatMap((one) => one.writes)];
      const written = writes.length === 0 ? [] : await runtime.documents.commit(writes);
      answerRefused();
      let place = shared.length;
      for (const { posting, writes: own } of ready) {
        posting.resolve(written.slice(place, place + own.length));
        place += own.length;
      }
      return left;
    } catch (error) {
      const isRefused = error instanceof PreconditionFailed;
      // Not a store out of reach, and not the accounts, so one of the postings' own writes.
      if (isRefused ? await accounts.unchanged() : !(error instanceof Problem)) {
        // Halved until it stands alone, and is told.
        if (batch.length === 1) throw error;
        const middle = Math.ceil(batch.length / 2);
        await commitAll(runtime, batch.slice(0, middle));
        await commitAll(runtime, batch.slice(middle));
        return [];
      }
      if (!isRefused) throw error;
    }
    await runtime.clock.sleep(1 + runtime.ids.below(PAUSE_MS * Math.min(10, tries + 1)));
  }
  throw new Problem(503, 'contention', 'A shared budget changed too often while it was being written; try again.', {
    retryAfterSeconds: 1,
  });
}

/** What each posting of the batch wants to write, up to what one commit may hold. */
async function decided(accounts: OpenAccounts, batch: readonly Posting[]) {
  const ready: Ready[] = [];
  const refused: { readonly posting: Posting; readonly error: unknown }[] = [];
  let bytes = 0;
  let count = 0;
  for (const [index, posting] of batch.entries()) {
    const staged = accounts.stage();
    try {
      const writes = await posting.decide(staged);
      bytes += Buffer.byteLength(JSON.stringify(writes));
      count += writes.length;
      const isFull = bytes > BYTES_PER_COMMIT || count > WRITES_PER_COMMIT;
      if (isFull && ready.length > 0) return { ready, refused, left: batch.slice(index) };
      staged.keep();
      ready.push({ posting, writes });
    } catch (error) {
      refused.push({ posting, error });
    }
  }
  return { ready, refused, left: [] };
}
