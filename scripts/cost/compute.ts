/** How long Cloud Run's instances are billed for a load. */

/** An average month. */
export const MONTH_SECONDS = 730 * 3600;

/** Requests of one kind to a function in a month, and how long each takes. */
export interface Stream {
  readonly requests: number;
  readonly ms: number;
}

/** What nobody can count here: it depends on the machine, the network and the platform. Change it where you measured. */
export const ASSUMED = {
  /** A request that makes a call or two to the store and to Pub/Sub, without the run itself. */
  requestMs: 100,
  /** One that waits for somebody else's server to take a callback. */
  callbackMs: 300,
  /** Two dozen queries that find nothing, most of them one after the other. */
  sweepMs: 300,
  /** What adding up a day takes of the sweeper, per task. */
  dayMsPerTask: 0.5,
  /** What sealing the heads of the audit chains takes of it, per task. */
  sealMsPerTask: 0.2,
  /** Processor time of any request, waiting not included. */
  cpuMs: 5,
  /** Cloud Run makes another instance where one is above this share of its processor or of its concurrency. */
  target: 0.6,
  /** An instance without requests is kept for so long. */
  keptSeconds: 900,
  /** A start is billed. */
  startMs: 1_000,
  /** Cloud Run's line of a request, Cloud Scheduler's of a run, the load balancer's. */
  logBytes: 1_200,
  /** Headers of an answer. */
  headerBytes: 500,
  /** What a function's image adds to the layers that all share, and those. */
  imageGiB: 0.05,
  sharedImageGiB: 0.2,
} as const;

export interface Billed {
  /** Seconds in which instances have requests, or start. */
  readonly seconds: number;
  readonly starts: number;
  /** How many instances have requests, on average over the time in which any has. */
  readonly instances: number;
}

/**
 * The instance time of one function whose requests come evenly, at random, all month: the dearest way to come, since what
 * overlaps on an instance is billed once. Each request is rounded up to 100 ms. There are as many instances as their
 * concurrency or their processors ask for, and while there is one, it is billed as long as it has any request.
 *
 * Source: Cloud Run, "Pricing" and "About instance autoscaling"; the busy share is that of an M/G/∞ queue.
 */
export function billed(streams: readonly Stream[], concurrency: number): Billed {
  const requests = streams.reduce((sum, stream) => sum + stream.requests, 0);
  const inFlight = streams.reduce((sum, { requests: count, ms }) => sum + (count * Math.ceil(ms / 100)) / 10, 0) / MONTH_SECONDS;
  const processors = (requests * ASSUMED.cpuMs) / 1000 / MONTH_SECONDS / ASSUMED.target;
  const wanted = Math.max(inFlight / (concurrency * ASSUMED.target), processors);
  const busy = -Math.expm1(-inFlight);
  const average = Math.max(busy, wanted);
  const windows = MONTH_SECONDS / ASSUMED.keptSeconds;
  // At most one in each time that an idle instance is kept.
  const starts = -Math.expm1(-requests / windows) * windows;
  return { seconds: average * MONTH_SECONDS + (starts * ASSUMED.startMs) / 1000, starts, instances: Math.max(1, average) };
}
