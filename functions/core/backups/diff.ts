import type { ProjectTree, TreeEntry } from '../ports.ts';
import type { Runtime } from '../runtime.ts';
import { walk } from '../walk.ts';
import { ahead } from './ahead.ts';
import { sha256Of, whileChanging } from './content.ts';
import type { Manifest, ManifestEntry } from './manifest-schema.ts';

/** What has to happen to the first tree to make the second. */
export interface Difference {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly { readonly path: string; readonly what: readonly ('kind' | 'content' | 'mode' | 'target')[] }[];
}

/** Entries as they are compared; without a hash, a file is known to be as it was by its stamp alone. */
type Comparable = Omit<ManifestEntry & { kind: 'file' }, 'parts'> | Exclude<ManifestEntry, { kind: 'file' }>;

const READS = 8;

/** From one backup to another, in the order of paths. */
export function diffBackups(from: Manifest, to: Manifest): Difference {
  return difference(from.entries, to.entries);
}

/** From a backup to what its project is now, by the ignore rules of the backup. Reads only files that may have changed. */
export async function diffWithNow(parts: Pick<Runtime, 'clock'>, from: Manifest, tree: ProjectTree): Promise<Difference> {
  const before = new Map(from.entries.map((entry) => [entry.path, entry]));
  const { entries } = walk(tree, { patterns: from.patterns, gitignore: false });
  const now: Comparable[] = [];
  for await (const entry of ahead(entries, READS, async (one) => comparable(parts, tree, one, before.get(one.path)))) {
    if (entry !== undefined) now.push(entry);
  }
  return difference(from.entries, now);
}

/**
 * The first path that is not as the backup has it, by kinds, modes, targets and stamps alone: quick, and too careful rather than
 * too trusting, since a file without a stamp is compared by its content.
 */
export async function changedSince(
  parts: Pick<Runtime, 'clock'>,
  backup: Manifest,
  tree: ProjectTree,
): Promise<string | undefined> {
  const { added, removed, changed } = await diffWithNow(parts, backup, tree);
  return added[0] ?? removed[0] ?? changed[0]?.path;
}

async function comparable(
  parts: Pick<Runtime, 'clock'>,
  tree: ProjectTree,
  entry: TreeEntry,
  before: ManifestEntry | undefined,
): Promise<Comparable | undefined> {
  if (entry.kind === 'special') return undefined;
  if (entry.kind !== 'file') return entry;
  return whileChanging(parts, tree, entry, async ({ path, mode, size, stamp }) => {
    const isSame = before?.kind === 'file' && before.stamp === stamp;
    // Of another size, it needs no reading to be another file.
    const mayBeSame = before?.kind === 'file' && before.size === size;
    const sha256 = isSame ? before.sha256 : mayBeSame ? await sha256Of(tree, { ...entry, size, stamp }) : '';
    return { kind: 'file', path, mode, size, sha256 };
  });
}

function difference(from: readonly Comparable[], to: readonly Comparable[]): Difference {
  const before = new Map(from.map((entry) => [entry.path, entry]));
  const after = new Set(to.map(({ path }) => path));
  const changed = to.flatMap((entry) => {
    const old = before.get(entry.path);
    const what = old === undefined ? [] : changes(old, entry);
    return what.length > 0 ? [{ path: entry.path, what }] : [];
  });
  return {
    added: to.filter(({ path }) => !before.has(path)).map(({ path }) => path),
    removed: from.filter(({ path }) => !after.has(path)).map(({ path }) => path),
    changed,
  };
}

function changes(from: Comparable, to: Comparable): ('kind' | 'content' | 'mode' | 'target')[] {
  if (from.kind !== to.kind) return ['kind'];
  if (from.kind === 'link') return from.target === (to as typeof from).target ? [] : ['target'];
  const mode = from.mode === (to as typeof from).mode ? [] : (['mode'] as const);
  const isSame = from.kind === 'folder' || from.sha256 === (to as typeof from).sha256;
  return isSame ? [...mode] : ['content', ...mode];
}
