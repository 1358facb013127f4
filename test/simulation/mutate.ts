/** Puts one mutation into the code while it is loaded: the files stay as they are. */

import { registerHooks } from 'node:module';
import { type Mutation, mutations } from './mutations.ts';

/** Call before the code is loaded. Throws where the text that a mutation replaces is not there exactly once. */
export function mutate(name: string): void {
  const mutation = mutations.find((one) => one.name === name);
  if (mutation === undefined) throw new Error(`There is no mutation "${name}".`);
  let isDone = false;
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      if (!url.endsWith(`/functions/${mutation.file}`)) return loaded;
      isDone = true;
      return { ...loaded, source: mutated(mutation, String(loaded.source)) };
    },
  });
  process.once('exit', () => {
    if (!isDone) throw new Error(`functions/${mutation.file} was never loaded.`);
  });
}

export function mutated({ name, file, text, replacement }: Mutation, source: string): string {
  const [before, after, ...more] = source.split(text);
  if (before === undefined || after === undefined || more.length > 0) {
    throw new Error(`The mutation "${name}" does not find its text exactly once in functions/${file}: ${text}`);
  }
  return before + replacement + after;
}
