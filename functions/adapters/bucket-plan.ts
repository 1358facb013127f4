import type { FileMetadata } from '@google-cloud/storage';
import * as z from 'zod';
import { type BucketPlace, parseBucketPath } from '../core/bucket-path.ts';
import { Problem } from '../core/errors.ts';
import { FOLDER_MODE, type Found, stampOf } from './bucket-entries.ts';
import type { Snapshot } from './bucket-lists.ts';
import { objectNameOf, WORK_PREFIX } from './bucket-place.ts';

/** What is to be at a path. `staged` is the object that holds it; a file without one is the object that is there already. */
export type Target =
  | { readonly kind: 'file'; readonly mode: number; readonly staged?: FileMetadata }
  | { readonly kind: 'folder'; readonly mode: number }
  | { readonly kind: 'link'; readonly target: string };

/** One object to write or to delete, with the generation of what is there before (`0`: nothing). Each can be repeated. */
export type Step =
  | { readonly kind: 'copy'; readonly name: string; readonly before: string; readonly staged: Staged }
  | {
      readonly kind: 'mode';
      readonly name: string;
      readonly before: string;
      readonly metageneration: string;
      readonly mode: number;
    }
  | { readonly kind: 'delete'; readonly name: string; readonly before: string };

/** An object in the work folder, with what it is known by once it is copied. */
export type Staged = Pick<FileMetadata, 'name' | 'generation' | 'size' | 'crc32c' | 'md5Hash' | 'metadata'>;

const name = z.string().min(1);
const generation = z.string().regex(/^\d+$/);
const stored = z.looseObject({ name, generation: z.union([generation, z.number()]) });
const step = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('copy'), name, before: generation, staged: stored }),
  z.object({ kind: z.literal('mode'), name, before: generation, metageneration: generation, mode: z.int() }),
  z.object({ kind: z.literal('delete'), name, before: generation }),
]);

/**
 * A plan that was stored, as far as it is one of its project: it changes nothing outside of that, and copies only what was staged
 * for it. Throws `Problem` `plan_invalid`, since whoever can write to the bucket may have put it there.
 */
export function checkedPlan(project: string, work: string, text: string): readonly Step[] {
  const prefix = parseBucketPath(project)?.prefix;
  const isOwn = (one: z.output<typeof step>): boolean =>
    prefix !== undefined &&
    one.name.startsWith(prefix) &&
    !one.name.startsWith(WORK_PREFIX) &&
    (one.kind !== 'copy' || one.staged.name.startsWith(work));
  const steps = z.array(step).safeParse(jsonOf(text)).data;
  if (steps?.every(isOwn)) return steps as readonly Step[];
  const message = `What stands below ${JSON.stringify(work)} is no plan of a rollback of ${project}. Nothing of it is done.`;
  throw new Problem(409, 'plan_invalid', message);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The first path at which two snapshots are not the same objects. */
export function firstChange(from: Snapshot, to: Snapshot): string | undefined {
  const versionAt = ({ entries }: Snapshot, path: string) => {
    const { entry, object } = entries.get(path) ?? {};
    return entry && `${entry.kind} ${object && stampOf(object)}`;
  };
  return [...from.entries.keys(), ...to.entries.keys()].find((path) => versionAt(from, path) !== versionAt(to, path));
}

/** Throws `Problem` `ignored_in_the_way` for what stays and has no place in the new tree. */
export function refuseInTheWay({ kept }: Snapshot, targets: ReadonlyMap<string, Target>): void {
  const blocked = kept.find((path) => {
    const isBelowFile = parents(path).some((folder) => (targets.get(folder)?.kind ?? 'folder') !== 'folder');
    return isBelowFile || targets.has(path);
  });
  if (blocked === undefined) return;
  throw new Problem(
    409,
    'ignored_in_the_way',
    `${JSON.stringify(blocked)} is ignored, and stands where something else belongs. Move it away, or remove it.`,
  );
}

/** Throws `Problem` `project_unwritable` for an object that Cloud Storage would neither replace nor delete now. */
export function refuseHeld(now: Snapshot, steps: readonly Step[]): void {
  const touched = new Set(steps.filter(({ kind }) => kind !== 'mode').map(({ name }) => name));
  for (const { object } of now.entries.values()) {
    if (object === undefined || !touched.has(object.name as string)) continue;
    const { name, temporaryHold, eventBasedHold, retention, retentionExpirationTime } = object;
    const until = [retention?.retainUntilTime, retentionExpirationTime].map((time) => Date.parse(time ?? ''));
    if (!temporaryHold && !eventBasedHold && !until.some((time) => time > Date.now())) continue;
    const message = `${JSON.stringify(name)} is under a hold or a retention, so that nothing can be put in its place.`;
    throw new Problem(422, 'project_unwritable', message);
  }
}

/**
 * The steps from what is there to what is to be there: copies first, and what is deleted last. `stage` makes the object of a folder
 * or a link, where it needs one that is not there.
 */
export async function planOf(
  place: BucketPlace,
  now: Snapshot,
  targets: ReadonlyMap<string, Target>,
  stage: (target: Exclude<Target, { kind: 'file' }>) => Promise<FileMetadata>,
): Promise<Step[]> {
  const steps: Step[] = [];
  const filled = new Set([...targets.keys()].flatMap((path) => parents(path).slice(-1)));
  const wanted = new Set(now.kept.flatMap((path) => parents(path).map((folder) => nameOf(place, folder, 'folder'))));
  for (const [path, target] of targets) {
    const name = nameOf(place, path, target.kind);
    const there = now.entries.get(path);
    const before = there?.object?.name === name ? there.object : undefined;
    wanted.add(name);
    const isNeeded = target.kind !== 'folder' || target.mode !== FOLDER_MODE || !filled.has(path);
    if (there !== undefined && before !== undefined && isSame(there, target)) {
      const { generation, metageneration } = before;
      const mode = 'mode' in target && 'mode' in there.entry && target.mode !== there.entry.mode ? target.mode : undefined;
      if (mode === undefined) continue;
      steps.push({ kind: 'mode', name, before: String(generation), metageneration: String(metageneration), mode });
    } else if (isNeeded) {
      const staged = target.kind === 'file' ? (target.staged as FileMetadata) : await stage(target);
      steps.push({ kind: 'copy', name, before: String(before?.generation ?? 0), staged: stagedOf(staged) });
    }
  }
  for (const { object } of now.entries.values()) {
    if (object === undefined || wanted.has(object.name as string)) continue;
    steps.push({ kind: 'delete', name: object.name as string, before: String(object.generation) });
  }
  return steps;
}

/** But for its mode. */
function isSame({ entry }: Found, target: Target): boolean {
  if (target.kind === 'link') return entry.kind === 'link' && entry.target === target.target;
  return entry.kind === target.kind && (target.kind === 'folder' || target.staged === undefined);
}

const nameOf = (place: BucketPlace, path: string, kind: Target['kind']): string =>
  objectNameOf(place, kind === 'folder' ? `${path}/` : path);

const stagedOf = ({ name, generation, size, crc32c, md5Hash, metadata }: FileMetadata): Staged => ({
  name,
  generation,
  size,
  crc32c,
  md5Hash,
  metadata,
});

/** `a/b/c` lies in `a` and `a/b`. */
function parents(path: string): string[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}
