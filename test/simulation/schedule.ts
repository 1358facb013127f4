/** Simulated time: whatever is to happen, in its order. Between two events the process is let run until it is quiet. */

export interface Schedule {
  /** Milliseconds since the epoch, the true time; no clock of an instance is nearer to it than its skew. */
  now(): number;
  /** Runs `run` after `ms`; the result calls it off. */
  after(ms: number, run: () => void): () => void;
  /** Lets events happen until none is left, `end` has come, or `stop` says so after one of them. */
  run(end: number, stop: () => boolean): Promise<void>;
  /** How many events have happened. */
  readonly happened: number;
}

interface Event {
  readonly at: number;
  readonly order: number;
  run: (() => void) | undefined;
}

export function scheduleFrom(start: number): Schedule {
  let now = start;
  let order = 0;
  let happened = 0;
  const events: Event[] = [];

  return {
    now: () => now,
    get happened() {
      return happened;
    },
    after(ms, run) {
      const event: Event = { at: now + Math.max(0, ms), order: order++, run };
      push(events, event);
      return () => {
        event.run = undefined;
      };
    },
    async run(end, stop) {
      for (;;) {
        const next = events[0];
        if (next === undefined || next.at > end) break;
        pop(events);
        if (next.run === undefined) continue;
        now = next.at;
        happened += 1;
        next.run();
        await quiet();
        if (stop()) return;
      }
      now = Math.max(now, end);
    },
  };
}

/** All that follows from an event without waiting for another one has run by the next turn of the event loop. */
const quiet = (): Promise<void> => new Promise(setImmediate);

const isBefore = (a: Event, b: Event): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

/** A binary heap in an array. */
function push(heap: Event[], event: Event): void {
  let index = heap.length;
  heap.push(event);
  while (index > 0) {
    const parent = (index - 1) >> 1;
    if (!isBefore(event, heap[parent] as Event)) break;
    heap[index] = heap[parent] as Event;
    index = parent;
  }
  heap[index] = event;
}

function pop(heap: Event[]): void {
  const last = heap.pop() as Event;
  if (heap.length === 0) return;
  let index = 0;
  for (;;) {
    let child = 2 * index + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && isBefore(heap[child + 1] as Event, heap[child] as Event)) child += 1;
    if (!isBefore(heap[child] as Event, last)) break;
    heap[index] = heap[child] as Event;
    index = child;
  }
  heap[index] = last;
}
