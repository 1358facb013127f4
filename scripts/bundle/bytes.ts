/** What weighs how much in a bundle. */

import type { Metafile } from 'esbuild';
import { HANDLER } from './entry.ts';

export type Output = Metafile['outputs'][string];

/** What the entry and the handler import, in turn; the framework is the platform's. */
export function atStart({ outputs }: Metafile, name: string): Output[] {
  const start = new Set<Output>();
  const load = (output: Output | undefined): void => {
    if (output === undefined || start.has(output)) return;
    start.add(output);
    for (const { path, kind } of output.imports) if (kind === 'import-statement') load(outputs[path]);
  };
  load(outputs[`.heliograph/bundles/${name}/index.mjs`]);
  load(Object.values(outputs).find(({ entryPoint }) => entryPoint === HANDLER));
  return [...start];
}

export const bytesOf = (outputs: readonly Output[]): number => outputs.reduce((sum, { bytes }) => sum + bytes, 0);

/** By package, the heaviest first; `heliograph` is our own. */
export function packageBytes(outputs: readonly Output[]): [string, number][] {
  const bytes = new Map<string, number>();
  for (const { inputs } of outputs) {
    for (const [path, { bytesInOutput }] of Object.entries(inputs)) {
      const name = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? 'heliograph';
      bytes.set(name, (bytes.get(name) ?? 0) + bytesInOutput);
    }
  }
  return [...bytes].sort(([, a], [, b]) => b - a);
}
