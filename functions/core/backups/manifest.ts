import { hash } from 'node:crypto';
import { promisify } from 'node:util';
import { zstdCompress, zstdDecompress } from 'node:zlib';
import { Problem } from '../errors.ts';
import type { ListedObject } from '../ports.ts';
import type { Runtime } from '../runtime.ts';
import { BUCKET, corrupt, LONGEST_BACKUP_MS, SLOW_CALLS_MS } from './blobs.ts';
import { type Draft, draftSchema, type Manifest, manifestSchema } from './manifest-schema.ts';
import { structureFlaw } from './manifest-structure.ts';

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);
/** Of an unpacked manifest: about three million files. */
const MAX_BYTES = 1_073_741_824;

type Parts = Pick<Runtime, 'objects' | 'signing'>;

export const manifestObject = (projectId: string, backupId: string): string => `manifests/${projectId}/${backupId}`;
export const draftObject = (projectId: string, backupId: string): string => `drafts/${projectId}/${backupId}`;

/** Reads and checks a manifest: signature, shape, structure. Throws `Problem` `backup_not_found` or `backup_corrupt`. */
export async function readManifest(parts: Parts, projectId: string, backupId: string): Promise<Manifest> {
  const bytes = isBackupId(backupId) ? await parts.objects.get(BUCKET, manifestObject(projectId, backupId)) : undefined;
  if (bytes === undefined) throw new Problem(404, 'backup_not_found', `Backup ${backupId} not found.`);
  const manifest = manifestSchema.safeParse(await unsealed(parts, bytes, `the manifest of ${backupId}`)).data;
  if (manifest === undefined) throw corrupt(`the manifest of ${backupId} has another shape`);
  if (manifest.backup_id !== backupId || manifest.project_id !== projectId) {
    throw corrupt(`in place of the manifest of ${backupId} stands that of ${manifest.backup_id}`);
  }
  const flaw = structureFlaw(manifest);
  if (flaw !== undefined) throw corrupt(`the manifest of ${backupId} ${flaw}`);
  return manifest;
}

/** Writes a manifest once; false when there is one of that name, which stays. */
export async function writeManifest(parts: Parts, manifest: Manifest): Promise<boolean> {
  const name = manifestObject(manifest.project_id, manifest.backup_id);
  return parts.objects.put(BUCKET, name, await sealed(parts, manifest), { ifAbsent: true });
}

/**
 * Whether a manifest was written so late (its process stood still in the middle of that call) that a sweep may not have waited for
 * it. Then it is no backup, whoever looks: that goes by what the store says, not by anybody's clock.
 */
export function isTooLate({ name, writtenAt }: ListedObject): boolean {
  return writtenAt - backupTime(name.slice(name.lastIndexOf('/') + 1)) > LONGEST_BACKUP_MS + SLOW_CALLS_MS;
}

/** A backup's manifest as the store lists it. */
export async function listedManifest(
  { objects }: Pick<Runtime, 'objects'>,
  projectId: string,
  backupId: string,
): Promise<ListedObject | undefined> {
  const name = manifestObject(projectId, backupId);
  return (await objects.list(BUCKET, name, { limit: 1 })).objects.find((found) => found.name === name);
}

/** How far a backup has come. What cannot be read is as if it were not there: the backup begins anew. */
export async function readDraft(parts: Parts, projectId: string, backupId: string): Promise<Draft | undefined> {
  const bytes = await parts.objects.get(BUCKET, draftObject(projectId, backupId));
  if (bytes === undefined) return undefined;
  return draftSchema.safeParse(await unsealed(parts, bytes, 'the draft').catch(() => undefined)).data;
}

export async function writeDraft(parts: Parts, draft: Draft): Promise<void> {
  await parts.objects.put(BUCKET, draftObject(draft.manifest.project_id, draft.manifest.backup_id), await sealed(parts, draft));
}

/** The ids of a project's backups, the oldest first. Those that were given up, or came too late, are not among them. */
export async function backupIds({ objects }: Pick<Runtime, 'objects'>, projectId: string): Promise<string[]> {
  const ids = async (kind: string, isOne: (found: ListedObject) => boolean) => {
    const all: string[] = [];
    for await (const found of listed({ objects }, `${kind}/${projectId}/`)) {
      if (isOne(found)) all.push(found.name.slice(found.name.lastIndexOf('/') + 1));
    }
    return all;
  };
  const [made, expired] = await Promise.all([ids('manifests', (found) => !isTooLate(found)), ids('expired', () => true)]);
  const givenUp = new Set(expired);
  return made.filter((id) => !givenUp.has(id));
}

/** All objects of the backups' bucket whose names begin so. */
export async function* listed({ objects }: Pick<Runtime, 'objects'>, prefix: string) {
  let cursor: string | undefined;
  do {
    const page = await objects.list(BUCKET, prefix, { cursor });
    yield* page.objects;
    cursor = page.next;
  } while (cursor !== undefined);
}

const BACKUP_ID = /^backup_(\d{4})(\d\d)(\d\d)_(\d\d)(\d\d)(\d\d)_[0-9a-f]{8,32}$/;
export const isBackupId = (id: string): boolean => BACKUP_ID.test(id);

/** When an id was made, to the second, in milliseconds since the epoch. */
export function backupTime(backupId: string): number {
  const [, ...digits] = BACKUP_ID.exec(backupId) ?? [];
  const [year = Number.NaN, month = 0, day, hours, minutes, seconds] = digits.map(Number);
  return Date.UTC(year, month - 1, day, hours, minutes, seconds);
}

/**
 * `backup_<yyyymmdd>_<hhmmss>_<id>`, in UTC. The id begins with the milliseconds of that second: ids sort by age. It is made when
 * the backup is asked for, which then has to end within `LONGEST_BACKUP_MS`.
 */
export function newBackupId({ clock, ids }: Pick<Runtime, 'clock' | 'ids'>): string {
  const digits = new Date(clock.now()).toISOString().replace(/\D/g, '');
  const milliseconds = Number(digits.slice(14)).toString(16).padStart(3, '0');
  return `backup_${digits.slice(0, 8)}_${digits.slice(8, 14)}_${milliseconds}${ids.random(6)}`;
}

/** Of the text that is signed, so that two manifests can be told apart by it. */
export const manifestHash = (manifest: Manifest): string => hash('sha256', canonical(manifest));

/** One line with the signature over the rest, which is the packed JSON: a bit that is flipped in the packing is found as well. */
async function sealed({ signing }: Parts, value: unknown): Promise<Buffer> {
  const packed = await compress(Buffer.from(canonical(value)));
  return Buffer.concat([Buffer.from(`${signing.manifest(packed)}\n`), packed]);
}

async function unsealed({ signing }: Parts, bytes: Buffer, what: string): Promise<unknown> {
  const end = bytes.indexOf('\n');
  const packed = bytes.subarray(end + 1);
  if (end < 0 || !signing.manifestValid(packed, bytes.toString('latin1', 0, end))) throw corrupt(`${what} is not what was written`);
  return JSON.parse((await decompress(packed, { maxOutputLength: MAX_BYTES })).toString('utf8'));
}

/** JSON with the keys of every object in order. Halves of characters, which stand for bytes in names, are escaped by JSON itself. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner) => {
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
