/** What really happened in a world, as its agents, receivers and clients saw it; the invariants hold the stored state against it. */

import { Problem } from '../../functions/core/errors.ts';
import { PreconditionFailed } from '../../functions/core/ports.ts';
import type { JsonObject } from '../../functions/core/task.ts';
import type { Instance } from './instances.ts';
import type { Plan } from './scenario.ts';

export interface Violation {
  readonly rule: string;
  readonly detail: string;
}

/** One run of a task by an HTTP agent. */
export interface Run {
  readonly taskId: string;
  readonly epoch: number;
  readonly attempt: number;
  /** The results that it gave and when, and the costs that it told of, however often. */
  readonly results: { readonly result: unknown; readonly at: number }[];
  readonly costsCents: (number | undefined)[];
}

export interface Received {
  readonly id: string;
  readonly view: JsonObject;
  readonly status: number;
}

/** A client's request that was answered with 2xx. */
export interface Accepted {
  readonly plan: Plan;
  readonly id: string;
  readonly isReplay: boolean;
  readonly view: JsonObject;
}

/** `isAlive`: whether its sender is. */
export interface Request {
  readonly taskId: string;
  readonly agent: string;
  isAlive(): boolean;
}

export interface Oracle {
  readonly runs: Map<string, Run>;
  readonly received: Received[];
  readonly accepted: Accepted[];
  /** Messages that the broker took from publishers. */
  readonly published: { readonly plan: Plan; readonly messageId: string; readonly tag: string }[];
  /** Tasks of which a client was told that they are cancelled. */
  readonly cancelled: string[];
  /** When a success was on the topic `results`, by task: the broker had taken it. */
  readonly succeeded: Map<string, number>;
  /** How many messages of the topic `tasks` were dead-lettered. */
  deadTasks: number;
  readonly violation: Violation | undefined;
  violated(rule: string, detail: string): void;
  errorLogged(instance: Instance, fields: JsonObject, message: string): void;
  /** The runs that HTTP agents have been sent, until their requests end. */
  readonly underWay: ReadonlySet<Request>;
  /** Sees each request that leaves, by its sender's clock; the result is told when it has ended. */
  requestSent(url: string, body: string | undefined, clock: number, isAlive: () => boolean): (clock: number) => void;
}

/** `agents` are the origins at which tasks are run. */
export function oracleOf(agents: readonly string[]): Oracle {
  let violation: Violation | undefined;
  const underWay = new Set<Request>();
  const violated = (rule: string, detail: string) => {
    violation ??= { rule, detail };
  };
  return {
    runs: new Map(),
    received: [],
    accepted: [],
    published: [],
    cancelled: [],
    succeeded: new Map(),
    deadTasks: 0,
    get violation() {
      return violation;
    },
    violated,

    errorLogged(instance, { err }, message) {
      if (err === undefined || err instanceof Problem || err instanceof PreconditionFailed) return;
      const stack = err instanceof Error ? (err.stack ?? String(err)) : String(err);
      violated('no request ends in an error that nobody meant', `${instance.label}: ${message} ${stack}`);
    },

    underWay,

    requestSent(url, body, clock, isAlive) {
      if (!agents.some((origin) => url.startsWith(origin))) return () => {};
      type Sent = { taskId: string; agent: string; epoch: number; ttl: number };
      const { taskId, agent, epoch, ttl } = JSON.parse(body ?? '{}') as Sent;
      const request = { taskId, agent, isAlive };
      underWay.add(request);
      const late = (when: number, what: string) => {
        if (when > ttl * 1000 + 1) {
          violated(
            'nothing runs past its deadline',
            `${taskId}, epoch ${epoch}: ${what} ${(when - ttl * 1000).toFixed(0)} ms late`,
          );
        }
      };
      late(clock, 'was started');
      return (ended) => {
        underWay.delete(request);
        // Whoever has crashed holds no connection any more.
        if (isAlive()) late(ended, 'ended');
      };
    },
  };
}
