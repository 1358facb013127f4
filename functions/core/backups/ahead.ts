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

/**
 * Lets at most `most` works run at once: `add` resolves once there is room for the next, `end` when all are done. When one fails, the
 * next call tells of it, once none is at work any more: whoever cleans up then is alone.
 */
export function crew(most: number): { add(work: () => Promise<void>): Promise<void>; end(): Promise<void> } {
  const running = new Set<Promise<void>>();
  let failed: { readonly error: unknown } | undefined;
  const check = async () => {
    if (failed === undefined) return;
    await Promise.all(running);
    throw failed.error;
  };
  return {
    async add(work) {
      await check();
      const run: Promise<void> = work()
        .catch((error) => {
          failed ??= { error };
        })
        .finally(() => running.delete(run));
      running.add(run);
      while (running.size >= most) await Promise.race(running);
      await check();
    },
    async end() {
      await Promise.all(running);
      await check();
    },
  };
}
