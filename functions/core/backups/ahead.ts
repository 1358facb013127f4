/**
 * Works on up to `most` items at once and hands the results out in the items' order. When its reader stops, what was begun is
 * waited for.
 */
export async function* ahead<T, R>(
  items: AsyncIterable<T> | Iterable<T>,
  most: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const begun: Promise<R>[] = [];
  try {
    for await (const item of items) {
      const result = work(item);
      // It is awaited later; until then its failure is nobody's.
      result.catch(() => {});
      begun.push(result);
      if (begun.length >= most) yield await (begun.shift() as Promise<R>);
    }
    while (begun.length > 0) yield await (begun.shift() as Promise<R>);
  } finally {
    await Promise.allSettled(begun);
  }
}

/** Lets at most `most` works run at once: `add` resolves once there is room for the next, `end` when all are done. */
export function crew(most: number): { add(work: () => Promise<void>): Promise<void>; end(): Promise<void> } {
  const running = new Set<Promise<void>>();
  let failed: { readonly error: unknown } | undefined;
  const check = () => {
    if (failed !== undefined) throw failed.error;
  };
  return {
    async add(work) {
      check();
      const run: Promise<void> = work()
        .catch((error) => {
          failed ??= { error };
        })
        .finally(() => running.delete(run));
      running.add(run);
      while (running.size >= most) await Promise.race(running);
      check();
    },
    async end() {
      while (running.size > 0) await Promise.race(running);
      check();
    },
  };
}
