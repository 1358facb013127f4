import type { Fields } from './ports.ts';
import type { Runtime } from './runtime.ts';

/**
 * A document as last seen: when `holds` says so of it, or when `ms` are over, or when `whenGone` tells that nobody waits any more.
 * `undefined`, also for `holds`, as long as it was not seen at all.
 */
export function untilDocument(
  runtime: Pick<Runtime, 'documents' | 'clock'>,
  { collection, id, ms }: { readonly collection: string; readonly id: string; readonly ms: number },
  holds: (data: Fields | undefined) => boolean,
  whenGone: (run: () => void) => void,
): Promise<Fields | undefined> {
  return new Promise((resolve) => {
    let last: Fields | undefined;
    let isDone = false;
    const cancel = runtime.clock.after(ms, done);
    const unwatch = runtime.documents.watch(
      collection,
      id,
      (document) => {
        if (document !== undefined) last = document.data;
        if (holds(last)) done();
      },
      done,
    );
    whenGone(done);

    function done(): void {
      if (isDone) return;
      isDone = true;
      cancel();
      // The first callback may come before `watch` has returned.
      queueMicrotask(() => unwatch());
      resolve(last);
    }
  });
}
