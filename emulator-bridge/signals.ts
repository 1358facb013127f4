/** A second signal so soon is the same one: npm passes on what the terminal has already sent to everyone. */
const SAME_SIGNAL_MS = 500;

/**
 * Runs `stop` on the first ctrl-C, SIGTERM or SIGHUP and then ends the process with 0; a second one ends it at once with 130.
 * A stop that fails ends it with 1, after `onError`.
 */
export function stopOnSignal(stop: () => Promise<void>, onError: (error: unknown) => void): void {
  let first: number | undefined;
  const signalled = () => {
    if (first !== undefined) {
      if (performance.now() - first > SAME_SIGNAL_MS) process.exit(130);
      return;
    }
    first = performance.now();
    stop().then(
      () => process.exit(0),
      (error: unknown) => {
        onError(error);
        process.exit(1);
      },
    );
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, signalled);
}
