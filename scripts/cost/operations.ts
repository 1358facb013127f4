/**
 * What one task does that is billed, by the way it goes. A test runs tasks through the counting adapters and holds this table
 * against what they counted.
 */

export const MODES = ['pubsub', 'http'] as const;
export const AGENTS = ['light', 'codex'] as const;

/** The way of a task that succeeds at its first attempt. */
export interface Way {
  readonly mode: (typeof MODES)[number];
  /** `light` reaches the store itself; `codex`, like every agent of a user's, through `dispatch`. */
  readonly agent: (typeof AGENTS)[number];
  readonly callback: boolean;
  /** Whether a limit of its tenant's or agent's day binds it. */
  readonly budget: boolean;
  /** Whether the payload, and the result, is too large to travel. */
  readonly largePayload: boolean;
  readonly largeResult: boolean;
}

/** What may come on top, per task. */
export interface Extra {
  /** Renewals of the lease while it runs. */
  readonly renewals: number;
  /** `GET /task/{id}`, answered at once. */
  readonly reads: number;
  /** `GET /task/{id}?waitSeconds=…`, answered when the task ends. */
  readonly waits: number;
}

/** Billed operations. Requests are counted by function, publishes by topic. */
export interface Operations {
  readonly reads: number;
  readonly writes: number;
  readonly deletes: number;
  readonly puts: number;
  readonly gets: number;
  readonly publishes: Readonly<Record<string, number>>;
  readonly requests: Readonly<Record<string, number>>;
}

const NONE: Operations = { reads: 0, writes: 0, deletes: 0, puts: 0, gets: 0, publishes: {}, requests: {} };

/** Created, claimed, closed; removed when its retention ends. */
const TASK = { ...NONE, writes: 3, deletes: 1 };
/** When its day is added up the sweeper reads it once more; the last page of each shard reaches into the day before. */
export const DAY_READS = 1.2;

const PLAIN: Readonly<Record<Way['mode'], Readonly<Record<Way['agent'], Operations>>>> = {
  pubsub: {
    light: { ...TASK, publishes: { tasks: 1, results: 1 }, requests: { dispatch: 1, 'agent-light': 1, results: 1 } },
    // Claim and outcome are two requests to dispatch, which reads the task to answer them, and once more whose it is.
    codex: { ...TASK, reads: 3, publishes: { tasks: 1 }, requests: { dispatch: 3, codex: 1 } },
  },
  http: {
    light: { ...TASK, reads: 1, requests: { dispatch: 1, 'agent-light': 1 } },
    codex: { ...TASK, reads: 4, requests: { dispatch: 3, codex: 1 } },
  },
};

/** Read to be told, written when it was asked for and when it was delivered. */
const CALLBACK = { ...NONE, reads: 1, writes: 2, publishes: { callbacks: 1 }, requests: { callbacks: 1 } };
/** The budget's document is read and written when it is held and when it is booked, the task's when that is done. */
const BUDGET = { ...NONE, reads: 2, writes: 3 };
/** One write clears both follow-ups. */
const BOTH = { ...NONE, writes: -1 };
const LARGE_PAYLOAD = { ...NONE, puts: 1, gets: 1 };
const RENEWAL = {
  light: { ...NONE, writes: 1 },
  codex: { ...NONE, reads: 1, writes: 1, requests: { dispatch: 1 } },
} as const;
const READ = { ...NONE, reads: 1, requests: { dispatch: 1 } };
/** Read, then listened to: the document as it is, and what is written of it until it has ended. */
const WAIT = { ...NONE, reads: 4, requests: { dispatch: 1 } };

/** The operations of one task. */
export function operationsOf(way: Way, { renewals, reads, waits }: Extra): Operations {
  // In mode http the reply carries the result, which comes out of storage again.
  const shown = reads + waits + (way.mode === 'http' ? 1 : 0);
  return sum([
    [1, PLAIN[way.mode][way.agent]],
    [way.callback ? 1 : 0, CALLBACK],
    [way.budget ? 1 : 0, BUDGET],
    [way.callback && way.budget ? 1 : 0, BOTH],
    [way.largePayload ? 1 : 0, LARGE_PAYLOAD],
    [way.largeResult ? 1 : 0, { ...NONE, puts: 1, gets: shown }],
    [renewals, RENEWAL[way.agent]],
    [reads, READ],
    [waits, WAIT],
  ]);
}

function sum(parts: readonly (readonly [times: number, part: Operations])[]): Operations {
  const total = (of: (part: Operations) => number) => parts.reduce((so, [times, part]) => so + times * of(part), 0);
  const named = (of: (part: Operations) => Readonly<Record<string, number>>) => {
    const names = new Set(parts.flatMap(([times, part]) => (times === 0 ? [] : Object.keys(of(part)))));
    return Object.fromEntries([...names].map((name) => [name, total((part) => of(part)[name] ?? 0)]));
  };
  return {
    reads: total(({ reads }) => reads),
    writes: total(({ writes }) => writes),
    deletes: total(({ deletes }) => deletes),
    puts: total(({ puts }) => puts),
    gets: total(({ gets }) => gets),
    publishes: named(({ publishes }) => publishes),
    requests: named(({ requests }) => requests),
  };
}
