import type { Runtime } from '../runtime.ts';
import { BUCKET, blobObject, SWEPT_AFTER_MS } from './blobs.ts';
import { backupIds, isTooLate, listed, manifestObject, readManifest } from './manifest.ts';
import { notKept, type RetentionPolicy } from './retention.ts';

/** Signed: whoever may add to the bucket has nothing removed from it. */
const markOf = ({ signing }: Pick<Runtime, 'signing'>, name: string): Buffer => Buffer.from(signing.manifest(Buffer.from(name)));

/** What came of it. */
export interface Swept {
  readonly manifests: number;
  readonly blobs: number;
  readonly drafts: number;
  /**
   * Manifests that could not be read, and marks of what was given up that were not made here: while there are any, no blob is removed,
   * since nobody knows what depends on them.
   */
  readonly unreadable: readonly string[];
}

type Parts = Pick<Runtime, 'objects' | 'signing' | 'clock'>;

/**
 * Gives up the backups that the policy does not keep: they are listed no more, and what they name stays until the sweep. One
 * of which `mayGo` says no is kept as well. The ids of the others.
 */
export async function expireBackups(
  parts: Parts,
  projectId: string,
  policy: RetentionPolicy,
  mayGo: (backupId: string) => Promise<boolean> = async () => true,
): Promise<string[]> {
  const gone: string[] = [];
  for (const id of notKept(await backupIds(parts, projectId), policy)) {
    if (!(await mayGo(id))) continue;
    const name = `expired/${projectId}/${id}`;
    await parts.objects.put(BUCKET, name, markOf(parts, name), { ifAbsent: true });
    gone.push(id);
  }
  return gone;
}

/**
 * Removes what nobody needs: first manifests that were given up long enough ago, or came too late, then blobs that no manifest names and that were
 * written long enough ago. Whatever a backup on its way is about to name is younger, or named by the backup it builds on, whose
 * manifest stays that long after it was given up (`LONGEST_BACKUP_MS`). The blobs are listed before the manifests are read: a backup that
 * ends in between is read. May run twice at once, and be ended at any moment.
 */
export async function sweepBackups(parts: Parts): Promise<Swept> {
  const { objects, clock, signing } = parts;
  const isOld = ({ writtenAt }: { readonly writtenAt: number }) => clock.now() - writtenAt > SWEPT_AFTER_MS;
  const counts = { manifests: 0, blobs: 0, drafts: 0 };
  const foreign: string[] = [];

  for (const expired of await collect(listed(parts, 'expired/'))) {
    if (!isOld(expired)) continue;
    const mark = await objects.get(BUCKET, expired.name);
    // Gone since it was listed: another sweep has done it.
    if (mark === undefined) continue;
    if (!signing.manifestValid(Buffer.from(expired.name), mark.toString('latin1'))) {
      foreign.push(expired.name);
      continue;
    }
    const [, projectId = '', backupId = ''] = expired.name.split('/');
    await objects.delete(BUCKET, manifestObject(projectId, backupId));
    await objects.delete(BUCKET, expired.name);
    counts.manifests += 1;
  }
  for (const manifest of await collect(listed(parts, 'manifests/'))) {
    if (!isOld(manifest) || !isTooLate(manifest)) continue;
    await objects.delete(BUCKET, manifest.name, { version: manifest.version });
    counts.manifests += 1;
  }
  for (const draft of await collect(listed(parts, 'drafts/'))) {
    if (!isOld(draft)) continue;
    await objects.delete(BUCKET, draft.name);
    counts.drafts += 1;
  }
  const candidates = (await collect(listed(parts, 'blobs/'))).filter(isOld);
  if (candidates.length === 0 || foreign.length > 0) return { ...counts, unreadable: foreign };

  const { named, unreadable } = await namedBlobs(parts);
  if (unreadable.length > 0) return { ...counts, unreadable };
  for (const { name, version } of candidates) {
    if (named.has(name)) continue;
    // By its version: another sweep may have removed it, and a backup stored it anew.
    await objects.delete(BUCKET, name, { version });
    counts.blobs += 1;
  }
  return { ...counts, unreadable };
}

/** Of all projects: a blob may serve several. */
async function namedBlobs(parts: Parts): Promise<{ named: Set<string>; unreadable: string[] }> {
  const named = new Set<string>();
  const unreadable: string[] = [];
  for await (const { name } of listed(parts, 'manifests/')) {
    const [, projectId = '', backupId = ''] = name.split('/');
    try {
      const { blobs } = await readManifest(parts, projectId, backupId);
      for (const blob of blobs) named.add(blobObject(blob));
    } catch (error) {
      const { code } = error as { code?: string };
      // Gone since it was listed, it was removed by another sweep; a backup that builds on it may have come after the list.
      if (!['backup_corrupt', 'backup_not_found'].includes(code ?? '')) throw error;
      unreadable.push(name);
    }
  }
  return { named, unreadable };
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
