/** What the tests of backups share: parts on a folder, random trees, and a look at a tree that is not the project's own. */

import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { systemClock } from '../../../functions/adapters/clock.ts';
import { fileObjects } from '../../../functions/adapters/files.ts';
import { folderTrees } from '../../../functions/adapters/folder-tree.ts';
import { systemIds } from '../../../functions/adapters/ids.ts';
import { newBackupId } from '../../../functions/core/backups/manifest.ts';
import { type BackupParts, type BackupRequest, takeBackup } from '../../../functions/core/backups/take.ts';
import type { Objects, ProjectTree, ProjectTrees } from '../../../functions/core/ports.ts';
import { signingFrom } from '../../../functions/core/signing.ts';
import { temporaryFolder } from '../../support/folder.ts';

export const PROJECT = 'project-1';

export interface Place {
  readonly parts: BackupParts & { readonly trees: ProjectTrees };
  /** The project's folder. */
  readonly project: string;
  readonly objects: string;
  readonly state: string;
  tree(): Promise<ProjectTree>;
  backup(options?: Partial<BackupRequest>): Promise<string>;
  remove(): void;
}

/** A folder with a project in a root, an object store and a state. */
export function place(within = temporaryFolder(), objects: (folder: Objects) => Objects = (folder) => folder): Place {
  const root = join(within.path, 'root');
  const project = join(root, 'project');
  const stores = { objects: join(within.path, 'objects'), state: join(within.path, 'state') };
  mkdirSync(project, { recursive: true });
  const parts = {
    objects: objects(fileObjects({ folder: stores.objects })),
    trees: folderTrees({ roots: [root], state: stores.state }),
    signing: signingFrom('a key that is long enough for these tests'),
    clock: systemClock(),
    ids: systemIds(),
  };
  const tree = () => parts.trees.open(project);
  return {
    ...stores,
    parts,
    project,
    tree,
    async backup(options = {}) {
      const backupId = newBackupId(parts);
      await takeBackup(parts, await tree(), { projectId: PROJECT, backupId, description: 'test', ...options });
      return options.backupId ?? backupId;
    },
    remove: within.remove,
  };
}

/** A tree whose files are known by their stamps from the first moment on, which is right as long as nobody changes one in the same tick. */
export const allSettled = (tree: ProjectTree): ProjectTree => ({
  ...tree,
  list: async (folder) => (await tree.list(folder)).map((entry) => (entry.kind === 'file' ? { ...entry, settled: true } : entry)),
});

/** A tree as data: text and bytes are files (`x` is executable), `null` is an empty folder, `->` in front of a text a link. */
export type Files = Readonly<Record<string, string | Buffer | null | { readonly x: string }>>;

export function makeTree(folder: string, files: Files): void {
  for (const [path, what] of Object.entries(files)) {
    const at = join(folder, path);
    mkdirSync(dirname(at), { recursive: true });
    if (what === null) mkdirSync(at, { recursive: true });
    else if (typeof what === 'string' && what.startsWith('->')) symlinkSync(what.slice(2), at);
    else if (typeof what === 'string' || Buffer.isBuffer(what)) writeFileSync(at, what);
    else writeFileSync(at, what.x, { mode: 0o755 });
  }
}

/** Everything of a tree that a backup keeps, by path: kind, mode, and content or target. */
export function seen(folder: string): Record<string, string> {
  const all: Record<string, string> = {};
  const look = (path: Buffer, shown: string) => {
    const names = readdirSync(path, { encoding: 'buffer' }).sort(Buffer.compare);
    for (const name of names) {
      const at = Buffer.concat([path, Buffer.from('/'), name]);
      const key = `${shown}${name.toString('latin1')}`;
      const found = lstatSync(at);
      const mode = (found.mode & 0o7777).toString(8);
      if (found.isDirectory()) {
        all[key] = `folder ${mode}`;
        look(at, `${key}/`);
      } else if (found.isSymbolicLink()) all[key] = `link ${readlinkSync(at, 'buffer').toString('latin1')}`;
      else if (found.isFile()) all[key] = `file ${mode} ${readFileSync(at, 'latin1')}`;
      else all[key] = 'special';
    }
  };
  look(Buffer.from(folder), '');
  return all;
}

/** Empties a folder, also of what its owner may not write to. */
export function emptied(folder: string): void {
  for (const name of readdirSync(folder, { encoding: 'buffer' })) {
    const at = Buffer.concat([Buffer.from(`${folder}/`), name]);
    if (lstatSync(at).isDirectory()) chmodSync(at, 0o700);
    rmSync(at, { recursive: true, force: true });
  }
}
