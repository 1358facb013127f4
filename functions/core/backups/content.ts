import { createHash, hash } from 'node:crypto';
import { Problem } from '../errors.ts';
import { FileChanged, type FileEntry, type ProjectTree, type TreeEntry } from '../ports.ts';
import type { Runtime } from '../runtime.ts';
import type { Known, KnownFile } from './known.ts';

/** A larger file is read piece by piece when its turn comes, a smaller one whole and ahead of it. */
export const SMALL_BYTES = 1_048_576;
const TRIES = 4;
const FIRST_PAUSE_MS = 50;

/** What a backup needs of an entry; of a file that is gone by now nothing. */
export type Content =
  | { readonly entry: Exclude<TreeEntry, FileEntry> }
  | { readonly entry: FileEntry; readonly known: KnownFile }
  | { readonly entry: FileEntry; readonly sha256: string; readonly bytes: Buffer }
  | { readonly entry: FileEntry; readonly large: true };

/** Reads a small file, unless it is known. Throws `Problem` `file_changing`. */
export async function contentOf(
  { clock }: Pick<Runtime, 'clock'>,
  tree: ProjectTree,
  entry: TreeEntry,
  known: Known,
): Promise<Content | undefined> {
  if (entry.kind !== 'file') return { entry };
  return whileChanging({ clock }, tree, entry, async (file) => {
    const before = known.unchanged(file);
    if (before !== undefined) return { entry: file, known: before };
    if (file.size > SMALL_BYTES) return { entry: file, large: true };
    const pieces: Buffer[] = [];
    for await (const piece of tree.read(file)) pieces.push(piece);
    const bytes = pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces);
    return { entry: file, sha256: hash('sha256', bytes), bytes };
  });
}

/**
 * Works on a file, and once more from the beginning on what it has become when it changes meanwhile. `undefined` when it is gone.
 * Throws `Problem` `file_changing` for one that does not come to rest.
 */
export async function whileChanging<T>(
  { clock }: Pick<Runtime, 'clock'>,
  tree: ProjectTree,
  file: FileEntry,
  work: (file: FileEntry) => Promise<T>,
): Promise<T | undefined> {
  const folder = file.path.slice(0, Math.max(0, file.path.lastIndexOf('/')));
  let current: TreeEntry | undefined = file;
  for (let turn = 0; turn < TRIES; turn += 1) {
    try {
      return await work(current);
    } catch (error) {
      if (!(error instanceof FileChanged)) throw error;
      await clock.sleep(FIRST_PAUSE_MS * 2 ** turn);
      current = (await tree.list(folder)).find(({ path }) => path === file.path);
      if (current === undefined) return undefined;
      if (current.kind !== 'file') break;
    }
  }
  const advice = 'Take the backup when nothing works on the project.';
  throw new Problem(409, 'file_changing', `${JSON.stringify(file.path)} changes while it is read. ${advice}`);
}

/** The SHA-256 of a file's content. Throws what reading it throws. */
export async function sha256Of(tree: ProjectTree, file: FileEntry): Promise<string> {
  const sum = createHash('sha256');
  for await (const piece of tree.read(file)) sum.update(piece);
  return sum.digest('hex');
}
