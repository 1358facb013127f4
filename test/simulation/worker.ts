/**
 * Runs every `step`th seed of a range in this process and tells its parent of failures and progress. With a mutation, that is
 * put into the code before any of it is loaded: nothing here may import it statically.
 */

import { mutate } from './mutate.ts';

/** What the parent sends first. */
export interface Work {
  readonly from: number;
  readonly to: number;
  readonly step: number;
  readonly mutation?: string;
}

/** What it hears: a failed seed, and how many seeds are done. */
export interface Report {
  readonly failed?: { readonly seed: number; readonly rule: string; readonly detail: string };
  readonly done: number;
}

const TOLD_EVERY = 50;

const report = (told: Report): void => {
  process.send?.(told);
};

// Nobody is left to be told.
process.once('disconnect', () => process.exit());
process.once('message', async ({ from, to, step, mutation }: Work) => {
  if (mutation !== undefined) mutate(mutation);
  const { scenarioOf, simulator } = await import('./simulate.ts');
  const { run } = await simulator();
  let done = 0;
  for (let seed = from; seed < to; seed += step) {
    const { violation } = await run(scenarioOf(seed), false);
    done += 1;
    if (violation !== undefined) report({ failed: { seed, ...violation }, done });
    else if (done % TOLD_EVERY === 0) report({ done });
  }
  report({ done });
  process.disconnect();
});
