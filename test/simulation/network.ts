/** HTTP between everything in a world: requests and answers take their time, and some get lost. */

import type { InProcessRequest } from '../../emulator-bridge/in-process-request.ts';
import { latency, type World } from './world.ts';

export type Call = InProcessRequest;

export interface Answer {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Answers the requests to one origin; without an answer the connection was cut. */
export type Served = (call: Call, answered: (answer: Answer | undefined) => void) => void;

export interface Network {
  serve(origin: string, served: Served): void;
  /** `answered` gets nothing when the request or its answer was lost. */
  send(url: string, call: Omit<Call, 'path'>, answered: (answer: Answer | undefined) => void): void;
  reaches(url: string): boolean;
}

export function networkOf(world: World): Network {
  const origins = new Map<string, Served>();
  const { schedule, chance } = world;
  return {
    serve: (origin, served) => origins.set(origin, served),
    reaches: (url) => origins.has(new URL(url).origin),
    send(url, call, answered) {
      const { origin, pathname, search } = new URL(url);
      const served = origins.get(origin);
      const lost = chance.happens(world.faults().dropped) ? chance.oneOf(['request', 'answer'] as const) : undefined;
      schedule.after(latency(world), () => {
        if (served === undefined || lost === 'request') return answered(undefined);
        served({ ...call, path: pathname + search }, (answer) =>
          schedule.after(latency(world), () => answered(lost === 'answer' ? undefined : answer)),
        );
      });
    },
  };
}
