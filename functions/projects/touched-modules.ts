/** Which modules a change touches: those that it changed, and all that import them, directly or through others. */

import type { Difference } from '../core/backups/diff.ts';
import type { DependencyMap } from './dependency-map/dependency-map.ts';

/** `via` is what it imports on a shortest way to something that changed. */
export interface Touched {
  readonly path: string;
  readonly touched: 'changed' | 'direct' | 'indirect';
  readonly via?: string;
}

export interface TouchedView {
  readonly modules: Readonly<Record<string, Touched>>;
  /** Files that are gone: what imported them imports nothing of the project in their place. */
  readonly removed: readonly string[];
}

/** By module: what changed, then what imports it, step by step. A name may be any text. */
export function touchedModules({ modules }: Pick<DependencyMap, 'modules'>, { added, removed, changed }: Difference): TouchedView {
  const files = new Set([...added, ...changed.filter(({ what }) => isOther(what)).map(({ path }) => path)]);
  const importedBy = new Map<string, string[]>();
  for (const [name, { imports }] of modules) {
    for (const one of imports) importedBy.set(one, [...(importedBy.get(one) ?? []), name]);
  }
  const found = new Map<string, Touched>();
  for (const [name, { path }] of modules) if (files.has(path)) found.set(name, { path, touched: 'changed' });
  let step = [...found.keys()];
  for (let kind: Touched['touched'] = 'direct'; step.length > 0; kind = 'indirect') {
    const next: string[] = [];
    for (const via of step) {
      for (const name of importedBy.get(via) ?? []) {
        if (found.has(name)) continue;
        found.set(name, { path: modules.get(name)?.path ?? '', touched: kind, via });
        next.push(name);
      }
    }
    step = next;
  }
  return { modules: Object.fromEntries(found), removed };
}

/** Another mode is no other module. */
const isOther = (what: Difference['changed'][number]['what']): boolean => what.some((one) => one !== 'mode');
