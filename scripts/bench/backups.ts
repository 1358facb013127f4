/** Backups of a folder beside those of restic, in turn, each with a copy of it and a repository of its own on the same disk. */

import { execFile, execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { appendFileSync, cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { systemClock } from '../../functions/adapters/clock.ts';
import { fileObjects } from '../../functions/adapters/files.ts';
import { folderTrees } from '../../functions/adapters/folder-tree.ts';
import { systemIds } from '../../functions/adapters/ids.ts';
import { newBackupId } from '../../functions/core/backups/manifest.ts';
import { rollBack } from '../../functions/core/backups/rollback.ts';
import { takeBackup } from '../../functions/core/backups/take.ts';
import { signingFrom } from '../../functions/core/signing.ts';

const FILES = 20_000;
const FILE_BYTES = 52_429;
/** Both trust a file's times only a moment after its last change. */
const SETTLE_MS = 2_600;

/**
 * The last two put back what another 1 % of changes did, and then everything, into an empty folder. Ours are whole rollbacks: checked to
 * the last byte, with a verified backup of what was there, on disk and exchanged at once. Restic's write in place.
 */
export const STEPS = ['first', 'after 1 % changed', 'back from 1 % changed', 'back from nothing'] as const;
/** Seconds per step. */
export type BackupTimes = Readonly<Record<(typeof STEPS)[number], number>>;

/** One round: the same tree for both. Without restic on this machine, ours alone. */
export async function measureBackups(scale: number, oursFirst: boolean): Promise<{ ours: BackupTimes; restic?: BackupTimes }> {
  const folder = mkdtempSync(join(tmpdir(), 'heliograph-bench-'));
  try {
    const root = join(folder, 'root');
    const [project, copy] = [join(root, 'project'), join(root, 'copy')];
    const count = Math.round(FILES * scale);
    fill(project, count);
    if (hasRestic()) cpSync(project, copy, { recursive: true });
    const tools = [await ours(folder, root, project), ...(hasRestic() ? [restic(folder, copy)] : [])];
    const order = oursFirst ? tools : tools.toReversed();
    const seconds = tools.map(() => ({}) as Record<string, number>);
    for (const step of STEPS) {
      for (const tool of tools) {
        if (step.endsWith('1 % changed')) change(tool.project, count);
        if (step === 'back from nothing')
          for (const name of readdirSync(tool.project)) rmSync(join(tool.project, name), { recursive: true });
      }
      await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
      for (const tool of order) {
        // What the one before has left to be written is not the next one's.
        execFileSync('sync');
        const started = performance.now();
        await (step.startsWith('back') ? tool.restore() : tool.backup());
        (seconds[tools.indexOf(tool)] as Record<string, number>)[step] = (performance.now() - started) / 1000;
      }
    }
    const [first, second] = seconds as unknown as BackupTimes[];
    return { ours: first as BackupTimes, restic: second };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Tool {
  readonly project: string;
  backup(): Promise<unknown>;
  restore(): Promise<unknown>;
}

async function ours(folder: string, root: string, project: string): Promise<Tool> {
  const trees = folderTrees({ roots: [root], state: join(folder, 'state') });
  const signing = signingFrom(randomBytes(32).toString('hex'));
  const parts = {
    trees,
    signing,
    objects: fileObjects({ folder: join(folder, 'objects') }),
    clock: systemClock(),
    ids: systemIds(),
  };
  const projectId = 'bench';
  let backupId = '';
  return {
    project,
    async backup() {
      backupId = newBackupId(parts);
      await takeBackup(parts, await trees.open(project), { projectId, backupId, description: 'bench' });
    },
    restore: async () => rollBack(parts, await trees.open(project), { projectId, backupId }),
  };
}

function restic(folder: string, project: string): Tool {
  const environment = { ...process.env, RESTIC_PASSWORD: 'bench', RESTIC_REPOSITORY: join(folder, 'restic') };
  const run = (...given: string[]) => promisify(execFile)('restic', ['--quiet', '--no-cache', ...given], { env: environment });
  execFileSync('restic', ['--quiet', 'init'], { env: environment });
  return {
    project,
    backup: () => run('backup', project),
    // It keeps whole paths, and cannot restore a folder to another place.
    restore: () => run('restore', 'latest', '--target', '/'),
  };
}

function hasRestic(): boolean {
  try {
    return execFileSync('restic', ['version']).length > 0;
  } catch {
    return false;
  }
}

const pathOf = (project: string, index: number) => join(project, String(index % 200), String(index % 7), `file-${index}`);

/** Text of words that come again, as source code is. */
function fill(project: string, count: number): void {
  const words = Array.from({ length: 4_096 }, () => randomBytes(4).toString('hex'));
  for (let index = 0; index < count; index += 1) {
    const path = pathOf(project, index);
    mkdirSync(join(path, '..'), { recursive: true });
    const picks = crypto.getRandomValues(new Uint16Array(Math.ceil(FILE_BYTES / 9)));
    writeFileSync(path, Array.from(picks, (pick) => words[pick % words.length]).join(' '));
  }
}

function change(project: string, count: number): void {
  for (let index = 0; index < count; index += 100) appendFileSync(pathOf(project, index), 'changed');
}
