import { Problem } from './errors.ts';
import { type IgnoreRules, ignoreRules } from './ignore-rules.ts';
import { FileChanged, type FileEntry, type ProjectTree, type TreeEntry } from './ports.ts';

/** A longer `.gitignore` is no list of patterns that a person or programme wrote. */
const IGNORE_FILE_BYTES = 1_048_576;
const TRIES = 4;

export interface Walk {
  /** Patterns that hold from the start (default none). */
  readonly patterns?: readonly string[];
  /** Whether the `.gitignore` files on the way add theirs (default true). */
  readonly gitignore?: boolean;
  /** Is told of what is left out: the highest path only, of a folder none of what is in it. */
  readonly onIgnored?: (entry: TreeEntry) => void;
  /** Whether to go into a folder (default yes); it is handed out in any case. */
  readonly into?: (folder: string) => boolean;
}

/**
 * Every entry of a tree but what is ignored, depth first: a folder before what is in it, and names in their order, so that two
 * walks of the same tree are the same. The second value is the rules, complete once the walk is at its end. Throws `Problem`
 * `file_changing` for a `.gitignore` that does not come to rest, and what the tree throws.
 */
export function walk(tree: ProjectTree, options: Walk = {}): { entries: AsyncIterable<TreeEntry>; rules: IgnoreRules } {
  const { patterns = [], gitignore = true, onIgnored = () => {}, into = () => true } = options;
  const rules = ignoreRules(patterns);

  async function* below(folder: string): AsyncGenerator<TreeEntry> {
    const { entries, text } = gitignore ? await withRules(tree, folder) : { entries: await tree.list(folder) };
    if (text !== undefined) rules.add(folder, text);
    for (const entry of entries) {
      if (rules.ignores(entry.path, entry.kind === 'folder')) {
        onIgnored(entry);
        continue;
      }
      yield entry;
      if (entry.kind === 'folder' && into(entry.path)) yield* below(entry.path);
    }
  }
  return { entries: below(''), rules };
}

/** The entries of a folder and the text of its `.gitignore`, which are looked at anew when that changes meanwhile. */
async function withRules(tree: ProjectTree, folder: string): Promise<{ entries: TreeEntry[]; text?: string }> {
  for (let turn = 1; ; turn += 1) {
    const entries = await tree.list(folder);
    const file = entries.find(({ path, kind }) => kind === 'file' && (path === '.gitignore' || path.endsWith('/.gitignore')));
    if (file?.kind !== 'file' || file.size > IGNORE_FILE_BYTES) return { entries };
    try {
      return { entries, text: await textOf(tree, file) };
    } catch (error) {
      if (!(error instanceof FileChanged)) throw error;
      if (turn === TRIES) throw new Problem(409, 'file_changing', `${JSON.stringify(file.path)} changes while it is read.`);
    }
  }
}

/** The whole of a small file. */
export async function textOf(tree: ProjectTree, file: FileEntry): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of tree.read(file)) pieces.push(piece);
  return Buffer.concat(pieces).toString('utf8');
}
