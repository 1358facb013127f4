/** Rejects when `work` takes longer than `ms`. The work goes on: whether it succeeds stays unknown. */
export async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

const CLOSE_MS = 2000;

/** Closes a client that may still be waiting for an answer which never comes. */
export async function closeWithin(close: () => Promise<unknown>): Promise<void> {
  await within(CLOSE_MS, close()).catch(() => {});
}
