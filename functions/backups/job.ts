/**
 * Whoever works on a backup or a rollback has its record for a time, and says so again as long as it lives: a message that comes
 * twice changes nothing, and one whose worker has died is taken over.
 */

import { askOrLeave, type BackupMessage, type Job } from '../core/backup-records.ts';
import { type Fields, PreconditionFailed, SERVER_TIME, type Stored } from '../core/ports.ts';
import type { Runtime } from '../core/runtime.ts';

/** `absent`: there is no such record; `ended`: nothing is to be done; `busy`: another one is at it. */
export type Worked = 'done' | 'absent' | 'ended' | 'busy';

export interface Working<T extends Job> {
  readonly id: string;
  /** As it was when the work began. */
  readonly record: T;
  /** What the next sign of life tells. Throws `LeaseLost` once another one is at it. */
  tell(fields: Fields): void;
  /** Writes at once. */
  write(fields: Fields): Promise<void>;
  /** The end: nothing is to be done any more. */
  end(fields: Fields): Promise<void>;
  /** The slice is over: the next message goes on. */
  goOn(message: BackupMessage): Promise<void>;
}

/** Another one has taken the record over, since no sign of life came in time. */
export class LeaseLost extends Error {
  readonly code = 'lease_lost';
}

const MAX_TRIES = 5;

/** Works on an open record, if nobody else does. What `work` throws lets the next one begin at once, and is thrown. */
export async function workOn<T extends Job>(
  runtime: Runtime,
  { collection, id }: { readonly collection: string; readonly id: string },
  work: (working: Working<T>) => Promise<void>,
): Promise<Worked> {
  const worker = runtime.ids.random(12);
  const claimed = await claim(runtime, collection, id, worker);
  if (typeof claimed === 'string') return claimed;
  const lease = leaseOf(runtime, collection, claimed, worker);
  try {
    await work({
      id,
      record: claimed.data as unknown as T,
      tell: lease.tell,
      write: (fields) => lease.write(fields),
      end: (fields) => lease.leave(fields, ['open', 'wakeAt', 'checking', 'deadLetters']),
      async goOn(message) {
        await lease.leave({ wakeAt: runtime.clock.now() + runtime.settings.times.republishMs }, []);
        await askOrLeave(runtime, message);
      },
    });
  } catch (error) {
    if (error instanceof LeaseLost) return 'busy';
    const wakeAt = runtime.clock.now() + runtime.settings.times.republishMs;
    await lease.leave({ wakeAt }, []).catch(() => {});
    throw error;
  } finally {
    lease.stop();
  }
  return 'done';
}

async function claim(runtime: Runtime, collection: string, id: string, worker: string): Promise<Stored | Exclude<Worked, 'done'>> {
  const { backupLeaseMs } = runtime.settings.times;
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const found = await runtime.documents.get(collection, id);
    if (found === undefined) return 'absent';
    const job = found.data as unknown as Job;
    if (job.worker === worker) return found;
    if (job.open === undefined) return 'ended';
    if (job.worker !== undefined && found.at - (job.leasedAt ?? 0) < backupLeaseMs) return 'busy';
    const attempts = (job.attempts ?? 0) + 1;
    const set = { worker, attempts, leasedAt: SERVER_TIME, wakeAt: runtime.clock.now() + backupLeaseMs };
    try {
      const [written] = await runtime.documents.commit([{ kind: 'update', collection, id, version: found.version, set }]);
      if (written !== undefined) return { ...found, version: written.version, data: { ...found.data, attempts } };
    } catch (error) {
      if (!(error instanceof PreconditionFailed)) throw error;
    }
  }
  return 'busy';
}

/** Writes one after the other, each under the version before it. */
function leaseOf(runtime: Runtime, collection: string, { id, version: first }: Stored, worker: string) {
  const { backupLeaseMs, backupProgressMs } = runtime.settings.times;
  let version = first;
  let told: Fields = {};
  let lost: LeaseLost | undefined;
  let last: Promise<void> = Promise.resolve();
  let cancel = () => {};

  async function put(set: Fields, remove: readonly string[]): Promise<void> {
    for (let tries = 0; ; tries++) {
      if (lost !== undefined) throw lost;
      try {
        const [written] = await runtime.documents.commit([{ kind: 'update', collection, id, version, set, remove }]);
        if (written !== undefined) version = written.version;
        return;
      } catch (error) {
        if (!(error instanceof PreconditionFailed) || tries >= MAX_TRIES) throw error;
        // Its own write, whose reply was lost, or a note of somebody else's; else another one has it.
        const found = await runtime.documents.get(collection, id);
        if (found?.data.worker !== worker) lost = new LeaseLost(`Another worker has ${id}.`);
        else version = found.version;
      }
    }
  }
  function inTurn(set: Fields, remove: readonly string[] = []): Promise<void> {
    const mine = last.then(() => put(set, remove));
    last = mine.catch(() => {});
    return mine;
  }
  const alive = () => ({ leasedAt: SERVER_TIME, wakeAt: runtime.clock.now() + backupLeaseMs });
  function keepAlive(): void {
    cancel = runtime.clock.after(Math.min(backupProgressMs, backupLeaseMs / 3), async () => {
      await inTurn({ ...told, ...alive() }).catch((error) => {
        if (!(error instanceof LeaseLost)) runtime.log.warn({ err: error, id }, 'A lease could not be renewed; trying again.');
      });
      if (lost === undefined && !stopped) keepAlive();
    });
  }
  let stopped = false;
  keepAlive();

  return {
    tell(fields: Fields) {
      if (lost !== undefined) throw lost;
      told = fields;
    },
    write: (fields: Fields) => inTurn({ ...fields, ...alive() }),
    async leave(fields: Fields, remove: readonly string[]) {
      if (stopped) return;
      stop();
      await inTurn(fields, ['worker', 'leasedAt', ...remove]);
    },
    stop,
  };

  function stop(): void {
    stopped = true;
    cancel();
  }
}
