/** The task: its states, its document, and the sums over what it holds and has spent. */

/** The first three are open, the others terminal. */
export const STATUSES = ['waiting', 'queued', 'running', 'succeeded', 'failed', 'expired', 'cancelled', 'dead'] as const;
export type Status = (typeof STATUSES)[number];
export type EndStatus = 'succeeded' | 'failed' | 'expired' | 'cancelled' | 'dead';

const ENDED: ReadonlySet<string> = new Set(['succeeded', 'failed', 'expired', 'cancelled', 'dead']);

/** Whether a status is terminal. Terminal states never change, except by redrive. */
export const isEnded = (status: Status): status is EndStatus => ENDED.has(status);

/** Whether a text may be the id of a task. Stores refuse some others, or read them as a path to another document. */
export const isTaskId = (text: string): boolean => /^[\w-]{1,200}$/.test(text) && !/^__.*__$/.test(text);

export type JsonObject = Record<string, unknown>;

export interface TaskError {
  readonly code: string;
  readonly message: string;
}

/** A claim check: where a payload or result too large to travel is kept. `bytes` counts its JSON text. */
export interface Reference {
  readonly bucket: string;
  readonly name: string;
  readonly sha256: string;
  readonly bytes: number;
}

/** What one attempt costs: the quote it reserved at its claim and, once settled, its charge (micro-dollars, at most the quote). */
export interface Charge {
  readonly epoch: number;
  readonly quoteMicros: number;
  readonly costMicros?: number;
  /** Whether the charge is what the agent reported; an unreported one stands at the quote and may still be lowered once. */
  readonly reported?: boolean;
}

/** What must follow a close; each is idempotent, repeated by the sweeper until it is cleared. */
export type FollowUp = 'callback' | 'budget' | 'dependents' | 'release';

/** The budgets of a day that tasks share. */
export type Shared = 'tenant' | 'agent';

/**
 * An amount that a task took from a budget it shares, and where: a document of `budgets`, or its parent. `costs` takes nothing:
 * it has a redriven task's cost booked in a day that may have been added up before.
 */
export interface Hold {
  readonly kind: Shared | 'parent' | 'costs';
  readonly id: string;
  readonly micros: number;
  /** Taken from an instance's allowance. */
  readonly leased?: true;
  /** Which life of the parent it was taken from: a redriven one has its budget anew. */
  readonly life?: string;
  /** Which shared budgets the parent's own holds pay for. */
  readonly covers?: readonly Shared[];
  /** What was booked when the hold was settled; absent while it is held. */
  readonly booked?: Booked;
}

/** Micro-dollars that a task and its children cost; `coveredMicros` is the part that its parent's hold on the agent pays for. */
export interface Booked {
  readonly spentMicros: number;
  readonly coveredMicros: number;
}

/** What a task's children have of its budget. */
export interface Children extends Booked {
  /** How many have not been settled. */
  readonly open: number;
  readonly heldMicros: number;
}

/** Where a chain stands: the hash of its last entry, and how many entries it holds: of a timeline, those in the task's document. */
export interface ChainHead {
  readonly head: string;
  readonly count: number;
  /** How many older ones were moved out of the document. */
  readonly moved?: number;
}

/** What `/orchestrate` was asked for. */
export interface Job {
  readonly intent: string;
  readonly mode: 'flow' | 'mcp' | 'agent';
  /** How the mode was chosen. */
  readonly why: string;
  /** As it was given; small. */
  readonly trace?: string | JsonObject;
  /** Something dangerous may really be done: confirmed, by a caller who may, and allowed by the operator. */
  readonly cleared?: string;
}

/**
 * The task document without its bulk: all that a decision needs, small enough to travel in each message, so that a receiver
 * can write the next state without reading. Times are milliseconds since the epoch, `ttl` is in Unix seconds.
 */
export interface TaskCore {
  readonly tenant: string;
  readonly agent: string;
  readonly mode: 'http' | 'pubsub';
  readonly status: Status;
  /** What belongs together, by which tasks are listed. */
  readonly traceId: string;
  /** The trace of `trace.ts`, where the trace id is none or the client sent one. */
  readonly traceparent?: string;
  readonly ttl: number;
  readonly budgetMicros: number;
  /** The epoch at which a redriven task's present life began (else 0): its budget bounds the attempts after that one. */
  readonly budgetFromEpoch: number;
  readonly charges: readonly Charge[];
  readonly attempts: number;
  readonly maxAttempts: number;
  /** Grows by one with each claim and never falls; fences what an attempt may write. */
  readonly epoch: number;
  readonly idempotencyKey?: string;
  readonly fingerprint: string;
  /** Of the request that created it, or redrove it last: a refused write that finds its own was its own first try. */
  readonly requestId: string;
  /** The same of the last claim. */
  readonly claimId?: string;
  readonly priority: number;
  readonly shard: number;
  readonly redrives: number;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly finishedAt?: number;
  readonly notBefore?: number;
  /** While it waits: the dependencies that are not known to have succeeded, and then the gates of `gate-names.ts`. */
  readonly waitingFor?: readonly string[];
  /** The gate in whose line it stands. */
  readonly standing?: string;
  /** The ids of the slots that it holds, or held until its end. */
  readonly took?: readonly string[];
  /** When it took its project: what was decided about an earlier time does not count. */
  readonly lockedAt?: number;
  /** The verified backup of its project, taken before it ran. */
  readonly backupId?: string;
  /** Others may wait for it: set in the commit that creates one, so whoever closes it knows. */
  readonly hasDependents?: boolean;
  readonly wakeAt?: number;
  readonly wakeDelayMs?: number;
  readonly retryAt?: number;
  readonly leasedAt?: number;
  readonly leaseMs?: number;
  readonly parked?: boolean;
  /** Claimed for an agent that does not claim: whether its message is known to be out. */
  readonly handOver?: 'sending' | 'sent';
  readonly cancelRequested?: boolean;
  /** The dead letters that have counted since the last claim, by message id: each counts once, however often it comes. */
  readonly deadLetters?: readonly string[];
  /** The epoch whose outcome closed the task; absent when it ended without one. */
  readonly closedEpoch?: number;
  readonly pending?: readonly FollowUp[];
  readonly holds?: readonly Hold[];
  readonly children?: Children;
  readonly callbackUrl?: string;
  /** What became of the callback, once that is known. */
  readonly callback?: 'delivered' | 'failed';
  readonly sessionId?: string;
  readonly projectId?: string;
  readonly parentTaskId?: string;
  readonly modifies?: boolean;
  /** Of a task that `/orchestrate` has made. */
  readonly job?: Job;
  readonly expireAt?: number;
  /** Its last decision that the next seal has to hold. */
  readonly sealAt?: number;
  readonly chain: ChainHead;
}

/** One entry of a timeline. `hash` chains it to the one before. */
export interface TimelineEntry {
  readonly at: number;
  readonly event: string;
  readonly hash: string;
  readonly [detail: string]: unknown;
}

/** The whole document. */
export interface Task extends TaskCore {
  readonly payload?: JsonObject;
  readonly payloadRef?: Reference;
  readonly result?: unknown;
  readonly resultRef?: Reference;
  readonly error?: TaskError;
  readonly lastError?: TaskError;
  readonly metadata?: JsonObject;
  readonly work?: JsonObject;
  /** The tasks that had to succeed before it, as it was asked for. */
  readonly dependencies?: readonly string[];
  readonly timeline: readonly TimelineEntry[];
}

/** A document as last seen: what it says and at which version. */
export interface Known<T extends TaskCore = TaskCore> {
  readonly id: string;
  readonly version: string;
  readonly task: T;
}

/** What a task's document holds beyond what a decision needs. */
export const BULK: ReadonlySet<string> = new Set([
  'payload',
  'payloadRef',
  'result',
  'resultRef',
  'error',
  'lastError',
  'metadata',
  'work',
  'dependencies',
  'timeline',
]);

/** The document without its bulk. */
export function coreOf(task: TaskCore): TaskCore {
  const core: Record<string, unknown> = {};
  for (const field in task) if (!BULK.has(field)) core[field] = task[field as keyof TaskCore];
  return core as unknown as TaskCore;
}

/** Micro-dollars settled so far, over all attempts. */
export const spentMicros = (task: TaskCore): number => task.charges.reduce((sum, { costMicros }) => sum + (costMicros ?? 0), 0);

/** Tells a task's present life from those before a redrive, and from a task that had the same id before. */
export const lifeOf = ({ createdAt, redrives }: TaskCore): string => `${createdAt}-${redrives}`;

/** Micro-dollars settled or reserved by the attempts since the last redrive. */
export const ownMicros = (task: TaskCore): number =>
  task.charges
    .filter(({ epoch }) => epoch > task.budgetFromEpoch)
    .reduce((sum, { costMicros, quoteMicros }) => sum + (costMicros ?? quoteMicros), 0);

/** What the budget bounds: the task's own attempts, and what its children hold and have spent. */
export const committedMicros = (task: TaskCore): number =>
  ownMicros(task) + (task.children?.heldMicros ?? 0) + (task.children?.spentMicros ?? 0);
