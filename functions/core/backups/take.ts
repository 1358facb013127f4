import { Problem } from '../errors.ts';
import type { ProjectTree, TreeEntry } from '../ports.ts';
import type { Runtime } from '../runtime.ts';
import { walk } from '../walk.ts';
import { ahead } from './ahead.ts';
import { BUCKET, LONGEST_BACKUP_MS, SLOW_CALLS_MS } from './blobs.ts';
import { contentOf } from './content.ts';
import { beginDraft } from './draft.ts';
import { draftObject, manifestHash, manifestObject, writeDraft, writeManifest } from './manifest.ts';
import type { Manifest } from './manifest-schema.ts';
import { type Progress, recorder } from './recorder.ts';

/** Small files that are read at once. */
const READS = 8;
/** How much a crash makes a backup store again, at most. */
const DRAFT_EVERY_BYTES = 134_217_728;

export type BackupParts = Pick<Runtime, 'objects' | 'signing' | 'clock' | 'ids'>;

export interface BackupRequest {
  readonly projectId: string;
  /** From `newBackupId`. A backup of this id that was begun goes on. */
  readonly backupId: string;
  readonly description: string;
  /** Ignore rules in place of the project's own `.gitignore` files: a backup before a rollback goes by those of its target. */
  readonly patterns?: readonly string[];
  /** Builds on no other backup and stores everything anew: the way on when one is found corrupt. */
  readonly full?: boolean;
  /** Milliseconds since the epoch: the slice ends then, and the next call with the same id goes on. */
  readonly until?: number;
  readonly onProgress?: (progress: Progress) => void;
}

export type BackupOutcome =
  | { readonly done: false; readonly progress: Progress }
  | { readonly done: true; readonly progress: Progress; readonly manifest: Manifest; readonly manifestHash: string };

/**
 * Takes a backup, or a slice of it. Killed at any moment it goes on where its draft stands, and sends no blob that is there. Only
 * what may have changed since the last backup is read, and only what that one does not hold is stored.
 * Throws `Problem` `file_changing`, `backup_too_slow`, `backup_exists`, and what the tree and the store throw.
 */
export async function takeBackup(parts: BackupParts, tree: ProjectTree, request: BackupRequest): Promise<BackupOutcome> {
  const { projectId, backupId, patterns, until = Number.POSITIVE_INFINITY, onProgress = () => {} } = request;
  const begun = await beginDraft(parts, tree, request);
  const { draft, known } = begun;
  const { manifest } = draft;
  const isLate = (marginMs = 0) => parts.clock.now() - draft.startedAt > LONGEST_BACKUP_MS + marginMs;
  if (isLate()) throw tooSlow(backupId);
  const { entries, rules } = walk(tree, { patterns, gitignore: patterns === undefined });
  const record = recorder(parts, tree, { ...begun, until, fresh: request.full === true });
  const contents = ahead(behind(entries, lastOf(manifest)), READS, (entry) => contentOf(parts, tree, entry, known));
  let drafted = 0;

  const save = async () => {
    await record.flush();
    drafted = record.progress.storedBytes;
    await writeDraft(parts, { ...draft, partial: record.partial });
  };
  for await (const content of contents) {
    const isWhole = content === undefined || (await record.add(content));
    onProgress({ ...record.progress });
    if (!isWhole || parts.clock.now() >= until) {
      await save();
      return { done: false, progress: record.progress };
    }
    if (record.progress.storedBytes - drafted > DRAFT_EVERY_BYTES) await save();
  }
  await record.flush();
  manifest.patterns = [...rules.patterns];
  if (isLate()) throw tooSlow(backupId);
  if (!(await writeManifest(parts, manifest))) throw new Problem(409, 'backup_exists', `Backup ${backupId} exists already.`);
  if (isLate(SLOW_CALLS_MS)) {
    // The process stood still in the middle of that call: a sweep may not have waited for it.
    await parts.objects.delete(BUCKET, manifestObject(projectId, backupId));
    throw tooSlow(backupId);
  }
  await parts.objects.delete(BUCKET, draftObject(projectId, backupId));
  return { done: true, progress: record.progress, manifest, manifestHash: manifestHash(manifest) };
}

/** The entries behind `last` in the order of a walk. */
async function* behind(entries: AsyncIterable<TreeEntry>, last: string | undefined): AsyncGenerator<TreeEntry> {
  for await (const entry of entries) if (last === undefined || walkOrder(entry.path, last) > 0) yield entry;
}

function lastOf({ entries, special }: Manifest): string | undefined {
  const lasts = [entries.at(-1)?.path, special.at(-1)].filter((path) => path !== undefined);
  return lasts.sort(walkOrder).at(-1);
}

/** A folder comes before what is in it, and the parts of paths decide one by one. */
export function walkOrder(a: string, b: string): number {
  const left = a.split('/');
  const right = b.split('/');
  const index = left.findIndex((part, at) => part !== right[at]);
  if (index < 0) return left.length - right.length;
  if (right[index] === undefined) return 1;
  return (left[index] as string) < (right[index] as string) ? -1 : 1;
}

const tooSlow = (backupId: string) =>
  new Problem(
    409,
    'backup_too_slow',
    `Backup ${backupId} took more than ${LONGEST_BACKUP_MS / 3_600_000} hours. Take another one.`,
  );
