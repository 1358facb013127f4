/** What is tried in one world: requests, what the agents make of them, and what goes wrong. Made, and made smaller, by fast-check. */

import fc from 'fast-check';
import type { Faults } from './world.ts';

/** What an agent does with one attempt. */
export interface Step {
  readonly seconds: number;
  readonly does:
    | 'succeed'
    | 'plain'
    | 'busy'
    | 'limited'
    | 'refuse'
    | 'overBudget'
    | 'gone'
    | 'accept'
    | 'late'
    | 'hang'
    | 'garbage'
    | 'twice';
  /** What it says it cost; nothing said is the quote. */
  readonly costCents: number | undefined;
  /** For accepted work, and for what says that it failed and goes on (`late`): what is reported in the end, and how. */
  readonly reports: 'succeeded' | 'failed' | 'retry' | 'relent' | 'nothing';
  readonly by: 'update' | 'ingest' | 'results';
  readonly notes: number;
}

/** One kind of task. Plans of the same `key` share an idempotency key. */
export interface Plan {
  readonly agent: 'light' | 'codex' | 'worker' | 'slow' | 'few';
  readonly mode: 'http' | 'pubsub';
  readonly tenant: 'red' | 'blue';
  readonly key: number | undefined;
  readonly steps: readonly Step[];
  readonly ttlSeconds: number;
  /** How many runs the budget covers, and a half; without it the default. */
  readonly budgetRuns: number | undefined;
  readonly maxAttempts: number;
  readonly callback: 'good' | 'flaky' | 'gone' | 'dead' | undefined;
  readonly notBeforeSeconds: number | undefined;
  readonly isLarge: boolean;
  readonly isChild: boolean;
  /** For which of the tasks before it waits. */
  readonly waitsFor: 'first' | 'last' | 'all' | undefined;
  /** The first plan's agent, tenant and key, with a payload of its own. */
  readonly isTwin: boolean;
  readonly priority: number;
  /** It modifies its tenant's project; and how the backup goes that is taken before. */
  readonly backup: Backup | undefined;
}

/**
 * What becomes of a backup, after how many seconds; `twice`: it is told again later, when it may be about another time; `contrary`:
 * what is told later is that it failed.
 */
export interface Backup {
  readonly ends: 'verified' | 'twice' | 'contrary' | 'failed' | 'lost';
  readonly seconds: number;
}

/** What there is to wait for, beside other tasks, in a world. */
export interface Gates {
  /** How many tasks of a tenant the agent `few` has at a time. */
  readonly concurrency: number;
  /** What is to be approved. */
  readonly policy: { readonly taskTypes: readonly string[]; readonly agents: readonly string[] } | undefined;
  readonly decisions: readonly Operation[];
  readonly pauses: readonly Operation[];
  /** More tasks at about the same time. */
  readonly crowd: readonly Operation[];
  /** Another limit, while the one before is in use. */
  readonly changes: readonly Operation[];
  /** Projects that somebody needs to himself. */
  readonly restores: readonly Operation[];
  /**
   * The first plan is a modification that gives its project up while its backup is taken, and has it again before that is done; and
   * that waits another time, when nothing goes wrong any more, for somebody who puts the project back.
   */
  readonly isGivenUp: boolean;
}

/** `plan` and `task` are taken modulo what there is. */
export type Operation = { readonly at: number } & (
  | {
      readonly kind: 'limit';
      readonly tenant: Plan['tenant'];
      readonly scope: 'tenant' | 'agent:worker' | 'agent:light';
      readonly limitCents: number | null;
      readonly mode: 'plain' | 'leased';
    }
  /** Somebody decides about all that wait then. */
  | { readonly kind: 'decide'; readonly tenant: Plan['tenant']; readonly decision: 'approve' | 'reject' }
  | { readonly kind: 'few'; readonly tenant: Plan['tenant']; readonly concurrency: number }
  /** A project is put back, which takes as long. */
  | { readonly kind: 'restore'; readonly tenant: Plan['tenant']; readonly seconds: number }
  | {
      readonly kind: 'pause';
      readonly tenant: Plan['tenant'];
      readonly what: 'few' | 'worker' | 'project' | 'all' | 'stop';
      readonly isOn: boolean;
    }
  | { readonly kind: 'switch'; readonly plan: number; readonly isOn: boolean }
  | { readonly kind: 'dispatch'; readonly plan: number; readonly copies: number; readonly retries: number }
  | { readonly kind: 'publish'; readonly plan: number; readonly copies: number; readonly isMisrouted: boolean }
  | { readonly kind: 'cancel' | 'redrive'; readonly task: number }
  | { readonly kind: 'read'; readonly task: number; readonly waitSeconds: number }
);

export interface Scenario {
  readonly chance: number;
  readonly faults: Faults;
  readonly faultSeconds: number;
  readonly skewMs: number;
  readonly instances: number;
  /** A function that cannot be reached for a while. */
  readonly outage: { readonly of: string; readonly at: number; readonly seconds: number } | undefined;
  readonly plans: readonly Plan[];
  readonly operations: readonly Operation[];
  readonly limits: readonly Operation[];
  readonly switches: readonly Operation[];
  readonly gates: Gates | undefined;
}

/** One in `outOf` has it. */
const sometimes = <T>(arbitrary: fc.Arbitrary<T>, outOf = 2): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: outOf - 1, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary });

const weighted = <T extends string>(weights: Readonly<Partial<Record<T, number>>>) =>
  Object.entries<number | undefined>(weights).map(([value, weight = 1]) => ({ weight, arbitrary: fc.constant(value as T) }));

const step: fc.Arbitrary<Step> = fc.record({
  seconds: fc.constantFrom(0, 1, 5, 30, 70, 200),
  does: fc.oneof(
    ...weighted<Step['does']>({ succeed: 3, twice: 1, plain: 1, busy: 2, limited: 1, refuse: 1, overBudget: 1, gone: 1 }),
    ...weighted<Step['does']>({ accept: 3, late: 4, hang: 1, garbage: 1 }),
  ),
  costCents: fc.constantFrom(undefined, 0, 1, 2.5, 20),
  reports: fc.constantFrom<Step['reports'][]>('succeeded', 'succeeded', 'failed', 'retry', 'relent', 'nothing'),
  by: fc.constantFrom<Step['by'][]>('update', 'ingest', 'results'),
  // More than a timeline holds at once, now and then.
  notes: fc.oneof(
    ...[0, 2, 210].map((notes) => ({ weight: notes === 0 ? 60 : notes === 2 ? 20 : 1, arbitrary: fc.constant(notes) })),
  ),
});

/** An attempt that is given up, and reports while the next one is under way. */
const overtaken: fc.Arbitrary<readonly Step[]> = fc.tuple(step, step).map(([one, next]) => [
  { ...one, does: 'late', reports: 'succeeded' },
  { ...next, does: 'accept' },
]);

const plan: fc.Arbitrary<Plan> = fc.record({
  agent: fc.constantFrom<Plan['agent'][]>('light', 'codex', 'worker', 'worker', 'few', 'few', 'slow'),
  mode: fc.constantFrom<Plan['mode'][]>('http', 'pubsub', 'pubsub'),
  tenant: fc.constantFrom<Plan['tenant'][]>('red', 'red', 'blue'),
  key: sometimes(fc.constantFrom(0, 0, 1)),
  steps: fc.oneof({ weight: 9, arbitrary: fc.array(step, { minLength: 1, maxLength: 4 }) }, { weight: 1, arbitrary: overtaken }),
  ttlSeconds: fc.constantFrom(5, 40, 40, 150, 400, 900, 1_800),
  budgetRuns: sometimes(fc.constantFrom(0, 1, 2, 3), 3),
  maxAttempts: fc.constantFrom(1, 2, 3, 5),
  callback: sometimes(fc.constantFrom<NonNullable<Plan['callback']>[]>('good', 'good', 'good', 'flaky', 'flaky', 'gone', 'dead')),
  notBeforeSeconds: sometimes(fc.constantFrom(3, 90), 6),
  isLarge: fc.constantFrom(false, false, false, true),
  isChild: fc.constantFrom(false, false, true),
  waitsFor: sometimes(fc.constantFrom<NonNullable<Plan['waitsFor']>[]>('first', 'last', 'last', 'all')),
  isTwin: fc.constantFrom(false, false, false, true),
  priority: fc.constantFrom(0, 0, 0, 7, -3),
  backup: sometimes(
    fc.record({
      ends: fc.constantFrom<Backup['ends'][]>('verified', 'verified', 'verified', 'twice', 'contrary', 'failed', 'lost'),
      seconds: fc.constantFrom(0, 2, 20, 90),
    }),
    4,
  ),
});

const at = fc.integer({ min: 0, max: 300 });
const index = fc.nat({ max: 9 });
const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      at,
      kind: fc.constant('dispatch' as const),
      plan: index,
      copies: fc.constantFrom(1, 1, 1, 2, 3),
      retries: fc.constantFrom(0, 2),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      at,
      kind: fc.constant('publish' as const),
      plan: index,
      copies: fc.constantFrom(1, 1, 2),
      isMisrouted: fc.constantFrom(false, false, false, true),
    }),
  },
  { weight: 2, arbitrary: fc.record({ at, kind: fc.constant('cancel' as const), task: index }) },
  // What dies does so late.
  {
    weight: 2,
    arbitrary: fc.record({ at: fc.integer({ min: 60, max: 1_500 }), kind: fc.constant('redrive' as const), task: index }),
  },
  { weight: 1, arbitrary: fc.record({ at, kind: fc.constant('read' as const), task: index, waitSeconds: fc.constantFrom(0, 20) }) },
);

/** Some worlds have caps on what a tenant, or one of its agents, may spend in a day. */
const limits: fc.Arbitrary<readonly Operation[]> = fc.oneof(
  { weight: 2, arbitrary: fc.constant([]) },
  {
    weight: 1,
    arbitrary: fc.array(
      fc.record({
        at: fc.constantFrom(0, 0, 100, 200),
        kind: fc.constant('limit' as const),
        tenant: fc.constantFrom<Plan['tenant'][]>('red', 'red', 'blue'),
        scope: fc.constantFrom('tenant' as const, 'tenant' as const, 'agent:worker' as const, 'agent:light' as const),
        limitCents: fc.constantFrom(10, 35, 80, 300, 0, null),
        mode: fc.constantFrom<('plain' | 'leased')[]>('plain', 'leased'),
      }),
      { minLength: 1, maxLength: 4 },
    ),
  },
);

/** In some worlds a tenant switches the agents that it uses off, and on again; the time counts from the first task. */
const switches: fc.Arbitrary<readonly Operation[]> = fc.oneof(
  { weight: 2, arbitrary: fc.constant([]) },
  {
    weight: 1,
    arbitrary: fc.array(
      fc.record({
        at: fc.constantFrom(0, 4, 15, 40, 200),
        kind: fc.constant('switch' as const),
        plan: index,
        isOn: fc.constantFrom(false, false, true),
      }),
      { minLength: 1, maxLength: 4 },
    ),
  },
);

const tenant = fc.constantFrom<Plan['tenant'][]>('red', 'red', 'blue');

/** In some worlds there are limits, approvals and pauses; the times count from the first task. What is paused is resumed, mostly. */
const gates: fc.Arbitrary<Gates> = fc.record({
  concurrency: fc.constantFrom(1, 1, 2, 3),
  policy: sometimes(
    fc.record({
      taskTypes: fc.constantFrom<readonly string[]>([], ['modification']),
      agents: fc.constantFrom<readonly string[]>([], ['few'], ['few', 'worker']),
    }),
    3,
  ),
  decisions: fc.array(
    fc.record({
      at: fc.constantFrom(1, 8, 30, 100, 250),
      kind: fc.constant('decide' as const),
      tenant,
      decision: fc.constantFrom<('approve' | 'reject')[]>('approve', 'approve', 'approve', 'reject'),
    }),
    { minLength: 2, maxLength: 8 },
  ),
  crowd: fc.array(
    fc.record({
      at: fc.constantFrom(0, 1, 5, 12, 60),
      kind: fc.constant('dispatch' as const),
      plan: index,
      copies: fc.constantFrom(1, 3, 6),
      retries: fc.constantFrom(0, 2),
    }),
    { maxLength: 4 },
  ),
  changes: sometimes(
    fc.record({ at: fc.constantFrom(4, 20, 60), kind: fc.constant('few' as const), tenant, concurrency: fc.constantFrom(1, 2, 4) }),
    3,
  ).map((change) => (change === undefined ? [] : [change])),
  restores: sometimes(
    fc.array(
      fc.record({
        at: fc.constantFrom(0, 2, 10, 40),
        kind: fc.constant('restore' as const),
        tenant,
        seconds: fc.constantFrom(1, 20, 90),
      }),
      { minLength: 1, maxLength: 3 },
    ),
    3,
  ).map((restores = []) => restores),
  pauses: sometimes(
    fc
      .array(
        fc.record({
          at: fc.constantFrom(0, 3, 10, 40, 120),
          seconds: fc.constantFrom(5, 30, 200, 2_000),
          tenant,
          what: fc.constantFrom('few' as const, 'worker' as const, 'project' as const, 'all' as const, 'stop' as const),
        }),
        { minLength: 1, maxLength: 3 },
      )
      .map((pauses) =>
        pauses.flatMap(({ at, seconds, ...one }): Operation[] => [
          { ...one, at, kind: 'pause', isOn: false },
          { ...one, at: at + seconds, kind: 'pause', isOn: true },
        ]),
      ),
  ).map((pauses = []) => pauses),
  isGivenUp: fc.integer({ min: 1, max: 15 }).map((one) => one === 15),
});

/** Each seed has some of the faults only: with all of them at once, few tasks get far. */
const someFaults: fc.Arbitrary<Faults> = fc.record({
  crash: fc.constantFrom(0, 0, 0.004, 0.03),
  lostReply: fc.constantFrom(0, 0, 0.03, 0.15),
  repeated: fc.constantFrom(0, 0.05, 0.2),
  failed: fc.constantFrom(0, 0, 0.02, 0.15),
  slow: fc.constantFrom(0, 0, 0.01, 0.05),
  duplicate: fc.constantFrom(0, 0, 0.2, 0.7),
  late: fc.constantFrom(0, 0, 0.1, 0.4),
  lostAck: fc.constantFrom(0, 0, 0.1, 0.4),
  dropped: fc.constantFrom(0, 0, 0.05, 0.2),
  sweeps: fc.constantFrom(0, 0.3),
});

/** Where all gets through, more is known of what must come of it. */
const STEADY = { crash: 0, lostReply: 0, failed: 0, slow: 0, late: 0, dropped: 0 };
const faults: fc.Arbitrary<Faults> = fc.oneof(
  { weight: 6, arbitrary: someFaults },
  { weight: 1, arbitrary: someFaults.map((some) => ({ ...some, ...STEADY })) },
);

const anything: fc.Arbitrary<Scenario> = fc.record({
  chance: fc.noShrink(fc.integer({ min: 0, max: 2 ** 31 - 1 })),
  faults,
  faultSeconds: fc.constantFrom(300, 600, 900),
  skewMs: fc.constantFrom(0, 50, 5_000),
  instances: fc.constantFrom(1, 2),
  outage: sometimes(
    fc.record({
      of: fc.constantFrom('agent-light', 'agent-light', 'codex', 'results', 'callbacks', 'dispatch', 'sweeper', 'dead-letters'),
      at: fc.constantFrom(0, 60, 200),
      seconds: fc.constantFrom(30, 200, 800),
    }),
    4,
  ),
  plans: fc.array(plan, { minLength: 1, maxLength: 4 }).map(twinned),
  operations: fc.array(operation, { minLength: 1, maxLength: 9 }),
  limits,
  switches,
  gates: sometimes(gates),
});

export const scenario = anything.map(givenUp);

function twinned(plans: readonly Plan[]): readonly Plan[] {
  const [first] = plans as [Plan];
  const { agent, tenant, key } = first;
  return plans.map((one) => (one.isTwin ? { ...one, agent, tenant, key } : one));
}

function givenUp(given: Scenario): Scenario {
  const { plans, gates } = given;
  if (!gates?.isGivenUp) return given;
  const [first, ...others] = plans as [Plan, ...Plan[]];
  const { tenant } = first;
  const modification: Plan = {
    ...first,
    key: undefined,
    ttlSeconds: 900,
    waitsFor: undefined,
    backup: { ends: 'verified', seconds: 140 },
  };
  return {
    ...given,
    plans: [modification, ...others],
    gates: {
      ...gates,
      crowd: [0, 1_210].map((at) => ({ at, kind: 'dispatch', plan: 0, copies: 1, retries: 2 })),
      restores: [{ at: 1_200, kind: 'restore', tenant, seconds: 90 }],
      pauses: [
        { at: 35, kind: 'pause', tenant, what: 'project', isOn: false },
        { at: 100, kind: 'pause', tenant, what: 'project', isOn: true },
      ],
    },
  };
}
