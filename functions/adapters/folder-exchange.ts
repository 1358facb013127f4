import { chmod, lstat, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Problem } from '../core/errors.ts';
import { syncFolder } from './atomic-file.ts';
import { moveKept } from './folder-kept.ts';
import { placeOf } from './folder-open.ts';
import { makeWritable } from './make-writable.ts';

/**
 * What is written down before the first rename. Until then a crash means `building`: what was built is removed. From then on it is
 * `exchanging`: the exchange is brought to its end, from whatever step it has come to.
 */
export interface Journal {
  readonly project: string;
  /** Beside the project: `new`, and while they are exchanged `old`. */
  readonly work: string;
  readonly phase: 'building' | 'exchanging';
  readonly patterns: readonly string[];
  /** Of the project itself and of folders that nobody may write to; they come last. */
  readonly modes: readonly (readonly [string, number])[];
}

/**
 * Does what is left to do. Which steps are done shows in which folders there are: `new` alone, then `new` and `old`, then `old`
 * alone. Throws `Problem` `project_recreated` where somebody has made a folder in place of the project meanwhile.
 */
export async function finish({ project, work, phase, patterns, modes }: Journal): Promise<void> {
  const [fresh, old] = [join(work, 'new'), join(work, 'old')];
  let isEmptied = true;
  if (phase === 'exchanging') {
    if (await isThere(fresh)) {
      if (!(await isThere(old))) await takeAway(project, old, work);
      isEmptied = await moveKept(old, fresh, patterns);
      // Deepest first: a folder that may not be searched hides what is below it.
      for (const [path, mode] of modes.toReversed()) await chmod(placeOf(fresh, path), mode);
      await putInPlace(fresh, project, work);
      await syncFolder(dirname(project));
    } else if (await isThere(old)) isEmptied = await nothingKept(old, project, patterns);
  }
  if (isEmptied) await remove(work);
}

/** The only step that may fail for good: a mount point cannot be renamed. Then nothing has happened yet, and nothing will. */
async function takeAway(project: string, old: string, work: string): Promise<void> {
  try {
    await rename(project, old);
  } catch (cause) {
    if (!(await isThere(project))) return;
    await remove(work);
    throw unwritable(project, cause);
  }
}

async function putInPlace(fresh: string, project: string, work: string): Promise<void> {
  try {
    await rename(fresh, project);
  } catch (cause) {
    const advice = `Move away what is there: ${work} holds the old tree and the new one, and the next start goes on.`;
    throw new Problem(409, 'project_recreated', `There is something else at ${project} by now. ${advice}`, { cause });
  }
}

/** After the exchange: what may still be in the old tree is what could not be moved. It is moved, or it stays. */
const nothingKept = (old: string, project: string, patterns: readonly string[]) => moveKept(old, project, patterns);

async function remove(work: string): Promise<void> {
  await rm(work, { recursive: true, force: true }).catch(async (error) => {
    if (error.code !== 'EACCES') throw error;
    await makeWritable(work);
    await rm(work, { recursive: true, force: true });
  });
}

const isThere = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    (error) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );

export const unwritable = (project: string, cause: unknown): Problem =>
  new Problem(422, 'project_unwritable', `Nothing can be put in place of ${project}: ${(cause as Error).message}.`, { cause });
