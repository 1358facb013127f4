import { randomBytes } from 'node:crypto';
import type { Bucket, FileMetadata } from '@google-cloud/storage';
import { LONGEST_CALL_MS, statusOf } from './storage-client.ts';
import { within } from './within.ts';

/** What a lock says of the work that it stands for. */
export interface LockState {
  readonly project: string;
  /** The prefix of what was staged. */
  readonly work: string;
  /** Until the plan is committed a crash means that nothing has happened; from then on that all of it is to happen. */
  readonly phase: 'building' | 'applying';
}

export interface FoundLock {
  readonly state: LockState;
  /** Since its holder was last heard of, by the store's own clock. */
  readonly ageMs: number;
  readonly metadata: FileMetadata;
}

/** A lock that is ours as long as nobody takes it over. It is renewed until it is released or let go. */
export interface HeldLock {
  /** Throws `LockLost` once somebody else has it. */
  commit(): Promise<void>;
  /** Removes it. */
  release(): Promise<void>;
  /** Leaves it to run out. */
  letGo(): void;
}

export class LockLost extends Error {}

/**
 * Locks as objects: what they say stands in their metadata, so that they are read and changed in one request, each change under
 * the version that was read. A holder that was not heard of for `leaseMs` is dead.
 */
export function bucketLocks(bucket: Bucket, leaseMs: number) {
  return {
    async take(name: string, state: LockState): Promise<HeldLock | undefined> {
      const turn = newTurn();
      const options = { resumable: false, metadata: { contentType: 'text/plain', metadata: { ...state, turn } } };
      const file = bucket.file(name);
      const made = within(LONGEST_CALL_MS, file.save('', { ...options, preconditionOpts: { ifGenerationMatch: 0 } }));
      const found = await ours(
        bucket,
        name,
        turn,
        made.then(() => file.metadata),
      );
      return found && held(bucket, name, found, leaseMs);
    },

    /** Whoever can write to the bucket may have put it there: what it says is to be checked. */
    async read(name: string): Promise<FoundLock | undefined> {
      try {
        const [metadata, response] = await within(LONGEST_CALL_MS, bucket.file(name).getMetadata());
        const { project, work, phase } = (metadata.metadata ?? {}) as unknown as LockState;
        const { date } = (response as unknown as { headers: { date: string } }).headers;
        return { state: { project, work, phase }, ageMs: Date.parse(date) - Date.parse(metadata.updated as string), metadata };
      } catch (error) {
        if (statusOf(error) === 404) return undefined;
        throw error;
      }
    },

    /** Of a dead holder. `undefined` when it was not dead, or somebody else was faster. */
    async takeOver(name: string, { metadata }: FoundLock): Promise<HeldLock | undefined> {
      const found = await changed(bucket, name, metadata, {});
      return found && held(bucket, name, found, leaseMs);
    },
  };
}

function held(bucket: Bucket, name: string, begun: FileMetadata, leaseMs: number): HeldLock {
  let metadata: FileMetadata | undefined = begun;
  let last: Promise<void> = Promise.resolve();
  /** One change after the other: each needs the version that the one before has made. */
  const change = (state: Partial<LockState>): Promise<void> => {
    const next = last.then(async () => {
      metadata = metadata && (await changed(bucket, name, metadata, state));
      if (metadata === undefined) throw new LockLost(`Somebody else has ${name} by now.`);
    });
    last = next.catch(() => {});
    return next;
  };
  const renewal = setInterval(() => change({}).catch(() => {}), leaseMs / 3);
  renewal.unref();
  return {
    commit: () => change({ phase: 'applying' }),
    async release() {
      clearInterval(renewal);
      await last;
      if (metadata === undefined) return;
      const { generation, metageneration } = metadata;
      const file = bucket.file(name, { generation });
      await within(LONGEST_CALL_MS, file.delete({ ifMetagenerationMatch: metageneration })).catch((error) => {
        if (![404, 412].includes(statusOf(error))) throw error;
      });
    },
    letGo: () => clearInterval(renewal),
  };
}

/** The lock's metadata after the change; `undefined` when it is not the version that it was. */
async function changed(bucket: Bucket, name: string, before: FileMetadata, state: Partial<LockState>) {
  const turn = newTurn();
  const { generation, metageneration } = before;
  const conditions = { ifGenerationMatch: generation, ifMetagenerationMatch: metageneration };
  const made = within(LONGEST_CALL_MS, bucket.file(name).setMetadata({ metadata: { ...state, turn } }, conditions));
  return ours(
    bucket,
    name,
    turn,
    made.then(([metadata]) => metadata as FileMetadata),
  );
}

/** A refused write that finds its own turn was its own first try, whose answer was lost. */
async function ours(bucket: Bucket, name: string, turn: string, made: Promise<FileMetadata>): Promise<FileMetadata | undefined> {
  try {
    return await made;
  } catch (error) {
    if (![404, 412].includes(statusOf(error))) throw error;
    const [metadata] = await within(LONGEST_CALL_MS, bucket.file(name).getMetadata()).catch((missing) => {
      if (statusOf(missing) === 404) return [undefined];
      throw missing;
    });
    return metadata?.metadata?.turn === turn ? metadata : undefined;
  }
}

const newTurn = () => randomBytes(8).toString('hex');
