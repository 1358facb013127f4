import { setImmediate } from 'node:timers/promises';
import { Problem } from '../../core/errors.ts';
import type { Clock, ProjectTree } from '../../core/ports.ts';
import { findSources, type Skipped, type SourceLimits } from './find-sources.ts';
import { linked, type MappedModule, type ParsedFile } from './link.ts';
import { contentOrReason } from './read-file.ts';
import { readImports } from './read-imports.ts';

/** Others are served in between. */
const SLICE_MS = 25;
const FILE_MS = 2_000;
const READ_AHEAD = 16;

export interface MapLimits extends SourceLimits {
  /** Of the whole request. */
  readonly ms: number;
}

export interface DependencyMap {
  /** By name, in its order. */
  readonly modules: ReadonlyMap<string, MappedModule>;
  /** Files that are not in it, or without their imports, and why. */
  readonly skipped: readonly Skipped[];
}

/**
 * The modules of a project and what they import of each other. Throws `Problem` 413 `project_too_large`, 503
 * `dependency_map_unfinished` (what was parsed is remembered: a repetition gets further), and what the tree throws.
 */
export async function dependencyMap(tree: ProjectTree, limits: MapLimits, clock: Pick<Clock, 'now'>): Promise<DependencyMap> {
  const end = clock.now() + limits.ms;
  let sliceEnd = clock.now() + SLICE_MS;
  /** Others have their turn after each slice. */
  const check = (): Promise<unknown> | undefined => {
    const now = clock.now();
    if (now > end) throw unfinished(limits.ms);
    if (now < sliceEnd) return undefined;
    return setImmediate().then(() => {
      sliceEnd = clock.now() + SLICE_MS;
    });
  };
  const found = await findSources(tree, limits, check);
  const skipped = [...found.skipped];
  const parsed: ParsedFile[] = [];

  for (let at = 0; at < found.sources.length; at += READ_AHEAD) {
    const batch = found.sources.slice(at, at + READ_AHEAD);
    const contents = await Promise.all(batch.map(({ file }) => contentOrReason(tree, file)));
    for (const [index, { file, language }] of batch.entries()) {
      const content = contents[index] as Buffer | string;
      if (typeof content === 'string') {
        skipped.push({ path: file.path, reason: content });
        continue;
      }
      const fileEnd = Math.min(end, clock.now() + FILE_MS);
      const { imports, problem } = await readImports(language, content, () => clock.now() > fileEnd);
      if (problem !== undefined) skipped.push({ path: file.path, reason: problem });
      parsed.push({ path: file.path, kind: language.kind, imports });
      await check();
    }
  }
  const linking = await linked(tree, parsed, found.configurations);
  return { modules: linking.modules, skipped: [...skipped, ...linking.skipped].sort((a, b) => (a.path < b.path ? -1 : 1)) };
}

const unfinished = (ms: number) =>
  new Problem(503, 'dependency_map_unfinished', `The project was not read in ${ms} ms. Ask again: what was parsed is remembered.`, {
    retryAfterSeconds: 1,
  });
