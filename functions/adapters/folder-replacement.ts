import { createHash, randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { chmod, lchown, mkdir, open, readdir, readFile, rm, stat, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Problem } from '../core/errors.ts';
import { bytesOfPath } from '../core/path-text.ts';
import type { ProjectTrees, TreeReplacement } from '../core/ports.ts';
import { writeAtomically } from './atomic-file.ts';
import { finish, type Journal, unwritable } from './folder-exchange.ts';
import { inTheWay } from './folder-kept.ts';
import { placeOf, WORK_PREFIX } from './folder-open.ts';
import { isSame, linkSame, type SameFile } from './folder-same.ts';
import { lockFile } from './project-lock.ts';
import { syncTree } from './sync-tree.ts';

/** Of a folder into which its owner may put something. */
const OWNER = 0o700;

/**
 * Exchanges the trees of projects that are folders. The new one is built beside the project, on the same file system; then two
 * renames put it in place. `state` holds a lock and a journal per project.
 */
export function folderReplacements(state: string): Pick<ProjectTrees, 'replace' | 'recover'> {
  return {
    async replace({ projectPath: project }, patterns) {
      const key = createHash('sha256').update(project).digest('hex').slice(0, 40);
      const release = lockFile(join(state, `${key}.lock`));
      if (release === undefined) throw new Problem(409, 'project_busy', 'Another rollback of this project is at work.');
      const path = join(state, `${key}.json`);
      try {
        const last = await finishLast(path);
        if (last?.problem) throw last.problem;
        return await replacement(path, project, patterns, release);
      } catch (error) {
        release();
        throw error;
      }
    },

    async recover() {
      const names = await readdir(state).catch(() => []);
      const outcomes: Awaited<ReturnType<ProjectTrees['recover']>> = [];
      for (const name of names.filter((one) => one.endsWith('.json'))) {
        const release = lockFile(join(state, name.replace(/json$/, 'lock')));
        // Whoever holds it is alive, and brings it to its end.
        if (release === undefined) continue;
        try {
          const done = await finishLast(join(state, name));
          if (done !== undefined) outcomes.push(done);
        } finally {
          release();
        }
      }
      return outcomes;
    },
  };
}

async function finishLast(path: string): Promise<Awaited<ReturnType<ProjectTrees['recover']>>[number] | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const journal = JSON.parse(text) as Journal;
  const outcome = journal.phase === 'building' ? 'undone' : 'completed';
  const done = { projectPath: journal.project, outcome } as const;
  try {
    await finish(journal);
    await rm(path);
    return done;
  } catch (error) {
    return { ...done, problem: error as Error };
  }
}

async function replacement(
  path: string,
  project: string,
  patterns: readonly string[],
  release: () => void,
): Promise<TreeReplacement> {
  const work = join(dirname(project), `${WORK_PREFIX}${randomBytes(8).toString('hex')}`);
  const fresh = join(work, 'new');
  const modes: [string, number][] = [];
  let phase: Journal['phase'] | 'done' = 'building';
  const write = (next: Journal['phase']) =>
    writeAtomically(path, JSON.stringify({ project, work, phase: next, patterns, modes } satisfies Journal), {
      partials: join(dirname(path), '.partial'),
    });
  const owner = await stat(project);
  const isAnothers = owner.uid !== process.geteuid?.() || owner.gid !== process.getegid?.();
  // Only the superuser can give files away; whose project it is, his they stay.
  const give = async (place: string | Buffer) => {
    if (isAnothers && process.geteuid?.() === 0) await lchown(place, owner.uid, owner.gid);
  };

  const same: SameFile[] = [];

  await write('building');
  await mkdir(work, { mode: OWNER }).catch((cause) => {
    throw unwritable(project, cause);
  });
  if ((await stat(work)).dev !== owner.dev) throw unwritable(project, new Error('a file system begins at the project'));
  await mkdir(fresh, { mode: OWNER });
  await give(fresh);
  modes.push(['', owner.mode & 0o7777]);

  async function writeFile(file: string, mode: number, content: AsyncIterable<Buffer>): Promise<void> {
    const handle = await open(
      placeOf(fresh, file),
      constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
      0o600,
    );
    try {
      for await (const piece of content) await handle.writeFile(piece);
      if (isAnothers && process.geteuid?.() === 0) await handle.chown(owner.uid, owner.gid);
      await handle.chmod(mode);
    } finally {
      await handle.close();
    }
  }

  return {
    async folder(folder, mode) {
      const place = placeOf(fresh, folder);
      await mkdir(place, { mode: OWNER });
      await give(place);
      // What its owner may not write to, nobody else could fill: it gets its mode last.
      if ((mode & OWNER) === OWNER) await chmod(place, mode);
      else modes.push([folder, mode]);
    },
    async keep(path, mode, stamp) {
      const isKept = await isSame(project, { path, stamp });
      if (isKept) same.push({ path, mode, stamp });
      return isKept;
    },
    file: writeFile,
    async link(link, target) {
      const place = placeOf(fresh, link);
      await symlink(bytesOfPath(target), place);
      await give(place);
    },
    async commit() {
      await linkSame({ project, fresh }, same, writeFile);
      const blocked = await inTheWay(project, fresh, patterns);
      if (blocked !== undefined) {
        const advice = 'Move it away, or remove it.';
        throw new Problem(
          409,
          'ignored_in_the_way',
          `${JSON.stringify(blocked)} is ignored, and stands where something else belongs. ${advice}`,
        );
      }
      await syncTree(work);
      await write('exchanging');
      phase = 'exchanging';
      try {
        await finish({ project, work, phase, patterns, modes });
        phase = 'done';
      } catch (error) {
        // It was refused at its first step, so that there is nothing to complete.
        if (error instanceof Problem && error.code === 'project_unwritable') phase = 'building';
        throw error;
      }
    },
    async close() {
      try {
        if (phase === 'exchanging') return;
        if (phase === 'building') await finish({ project, work, phase, patterns, modes });
        await rm(path, { force: true });
      } finally {
        release();
      }
    },
  };
}
