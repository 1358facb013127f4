/**
 * How many requests may be under way to one endpoint: Pub/Sub's slow start.
 *
 * Source: cloud.google.com/pubsub/docs/push#quotas_and_limits ("the push window increases on any successful delivery and
 * decreases on any failure", from a single-digit size, exponentially).
 */

export interface PushWindow {
  /** Requests that may be under way now. */
  readonly size: number;
  readonly inFlight: number;
  hasRoom(): boolean;
  enter(): void;
  leave(succeeded: boolean): void;
}

const FIRST_SIZE = 4;

/**
 * Each success widens the window by one, so it doubles per round; a failure halves it, once per round. Differs from Pub/Sub in
 * its `limit` (Pub/Sub goes on linearly above 3,000) and in not looking at the latency.
 */
export function pushWindow(limit: number): PushWindow {
  let size = Math.min(FIRST_SIZE, limit);
  let inFlight = 0;
  // Requests that were already under way at the last failure say nothing new about the smaller window.
  let stale = 0;
  return {
    get size() {
      return size;
    },
    get inFlight() {
      return inFlight;
    },
    hasRoom: () => inFlight < size,
    enter() {
      inFlight += 1;
    },
    leave(succeeded) {
      inFlight -= 1;
      if (succeeded) {
        size = Math.min(limit, size + 1);
        if (stale > 0) stale -= 1;
      } else if (stale > 0) {
        stale -= 1;
      } else {
        size = Math.max(1, Math.floor(size / 2));
        stale = inFlight;
      }
    },
  };
}
