import { Problem } from '../errors.ts';
import type { ProjectTree, TreeEntry } from '../ports.ts';
import type { Runtime } from '../runtime.ts';
import { walk } from '../walk.ts';
import { ahead } from './ahead.ts';
import { BUCKET, LONGEST_BACKUP_MS } from './blobs.ts';
import { contentOf } from './content.ts';
import { beginDraft } from './draft.ts';
import {
  backupTime,
  draftObject,
  isTooLate,
  listedManifest,
  manifestHash,
  readManifest,
  writeDraft,
  writeManifest,
} from './manifest.ts';
import type { Manifest } from './manifest-schema.ts';
import { type Progress, recorder } from './recorder.ts';

/** Small files that are read at once. */
const READS = 8;
/** How much a crash makes a backup store again, at most. */
const DRAFT_EVERY_BYTES = 134_217_728;

export type BackupParts = Pick<Runtime, 'objects' | 'signing' | 'clock' | 'ids'>;

export interface BackupRequest {
  readonly projectId: string;
  /** From `newBackupId`. A backup of this id that was begun goes on, and one that was ended is told of once more. */
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
 * what may have changed since the last backup is read, and only what that one does not hold is stored. Where several work on one id
 * at once, the first manifest that is written is the backup, and all of them tell of that one.
 * Throws `Problem` `file_changing`, `backup_too_slow`, and what the tree and the store throw.
 */
export async function takeBackup(parts: BackupParts, tree: ProjectTree, request: BackupRequest): Promise<BackupOutcome> {
  const { backupId, patterns, until = Number.POSITIVE_INFINITY, onProgress = () => {} } = request;
  const isInTime = () => parts.clock.now() - backupTime(backupId) <= LONGEST_BACKUP_MS;
  const ended = await endedBackup(parts, request);
  if (ended !== undefined) return ended;
  if (!isInTime()) throw tooSlow(backupId);
  const begun = await beginDraft(parts, tree, request);
  const { draft, known } = begun;
  const { manifest } = draft;
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
  if (!isInTime()) throw tooSlow(backupId);
  const isFirst = await writeManifest(parts, manifest);
  const written = await endedBackup(parts, request, isFirst ? manifest : undefined);
  // It was there a moment ago: only a sweep removes any, and only what is late or was given up long ago.
  if (written === undefined) throw tooSlow(backupId);
  return { ...written, progress: record.progress };
}

/**
 * The backup of this id, if there is one already, and without its draft, which a crash or another worker may have left. What is in
 * it needs no reading where `manifest` is known to be it. Throws `backup_too_slow` for one that came too late.
 */
async function endedBackup(
  parts: BackupParts,
  { projectId, backupId }: BackupRequest,
  known?: Manifest,
): Promise<(BackupOutcome & { done: true }) | undefined> {
  const found = await listedManifest(parts, projectId, backupId);
  if (found === undefined) return undefined;
  if (isTooLate(found)) {
    await parts.objects.delete(BUCKET, found.name, { version: found.version });
    throw tooSlow(backupId);
  }
  const manifest = known ?? (await readIfThere(parts, projectId, backupId));
  if (manifest === undefined) return undefined;
  await parts.objects.delete(BUCKET, draftObject(projectId, backupId));
  const files = manifest.entries.filter((entry) => entry.kind === 'file');
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  const progress = { files: files.length, bytes, storedBytes: 0, storedBlobs: 0 };
  return { done: true, progress, manifest, manifestHash: manifestHash(manifest) };
}

/** Given up long ago, it may be swept between two looks. */
function readIfThere(parts: BackupParts, projectId: string, backupId: string): Promise<Manifest | undefined> {
  return readManifest(parts, projectId, backupId).catch((error) => {
    if (error instanceof Problem && error.code === 'backup_not_found') return undefined;
    throw error;
  });
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
function walkOrder(a: string, b: string): number {
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
