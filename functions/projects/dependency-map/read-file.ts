import { Problem } from '../../core/errors.ts';
import { FileChanged, type FileEntry, type ProjectTree } from '../../core/ports.ts';

/** The content, or why it is left out. Throws where the project as a whole is not what it was, or out of reach. */
export async function contentOrReason(tree: ProjectTree, file: FileEntry): Promise<Buffer | string> {
  try {
    return await contentOf(tree, file);
  } catch (error) {
    if (error instanceof FileChanged) return 'changes while it is read';
    if (isUnreadable(error)) return 'cannot be read';
    throw error;
  }
}

/** Whether it is this one place that cannot be read. */
export const isUnreadable = (error: unknown): boolean => error instanceof Problem && error.code === 'project_unreadable';

/** A file's content as it is now, at most as large as it was listed. Throws `FileChanged` for one that does not come to rest. */
async function contentOf(tree: ProjectTree, file: FileEntry): Promise<Buffer> {
  let wanted = file;
  for (let attempt = 1; ; attempt += 1) {
    try {
      const pieces: Buffer[] = [];
      for await (const piece of tree.read(wanted)) pieces.push(piece);
      return pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces);
    } catch (error) {
      if (!(error instanceof FileChanged) || attempt === ATTEMPTS) throw error;
      const folder = file.path.slice(0, Math.max(0, file.path.lastIndexOf('/')));
      const found = (await tree.list(folder)).find(({ path }) => path === file.path);
      if (found?.kind !== 'file' || found.size > Math.max(file.size, MARGIN_BYTES)) throw error;
      wanted = found;
    }
  }
}

const ATTEMPTS = 3;
/** What a file may have grown by meanwhile. */
const MARGIN_BYTES = 1_048_576;
