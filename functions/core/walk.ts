import { type IgnoreRules, ignoreRules } from './ignore-rules.ts';
import type { FileEntry, ProjectTree, TreeEntry } from './ports.ts';

/** A longer `.gitignore` is no list of patterns that a person or programme wrote. */
const IGNORE_FILE_BYTES = 1_048_576;

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
 * walks of the same tree are the same. The second value is the rules, complete once the walk is at its end.
 */
export function walk(tree: ProjectTree, options: Walk = {}): { entries: AsyncIterable<TreeEntry>; rules: IgnoreRules } {
  const { patterns = [], gitignore = true, onIgnored = () => {}, into = () => true } = options;
  const rules = ignoreRules(patterns);

  async function* below(folder: string): AsyncGenerator<TreeEntry> {
    const entries = await tree.list(folder);
    const file = entries.find(({ path, kind }) => kind === 'file' && (path === '.gitignore' || path.endsWith('/.gitignore')));
    if (gitignore && file?.kind === 'file' && file.size <= IGNORE_FILE_BYTES) rules.add(folder, await textOf(tree, file));
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

/** The whole of a small file. */
export async function textOf(tree: ProjectTree, file: FileEntry): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of tree.read(file)) pieces.push(piece);
  return Buffer.concat(pieces).toString('utf8');
}
