/** What a backup's manifest holds. Its names are those of the API. */

import * as z from 'zod';

const mode = z.number().int().min(0).max(0o7777);
const whole = z.number().int().min(0);

/** `[blob, offset, length]`: bytes of a blob's content; `blob` is an index into the manifest's `blobs`. */
const part = z.tuple([whole, whole, whole]);

const file = z.strictObject({
  kind: z.literal('file'),
  path: z.string(),
  mode,
  /** Bytes. */
  size: whole,
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** Its content is these parts, one behind the other. */
  parts: z.array(part),
  /** By which the next backup knows that nothing changed; absent when the file had changed a moment before. */
  stamp: z.string().optional(),
});
const folder = z.strictObject({ kind: z.literal('folder'), path: z.string(), mode });
const link = z.strictObject({ kind: z.literal('link'), path: z.string(), target: z.string() });

export const manifestSchema = z.strictObject({
  format: z.literal(1),
  backup_id: z.string(),
  project_id: z.string(),
  project_path: z.string(),
  description: z.string(),
  /** ISO 8601, UTC: when it was begun. */
  timestamp: z.string(),
  /** The ignore rules in force, as patterns. What they leave out is not in the backup, and a rollback leaves it where it is. */
  patterns: z.array(z.string()),
  /** Devices, pipes and sockets: named, not kept, and left where they are as well. */
  special: z.array(z.string()),
  blobs: z.array(z.string().regex(/^[0-9a-f]{64}(-[0-9a-f]{16})?$/)),
  entries: z.array(z.discriminatedUnion('kind', [file, folder, link])),
});

/** A backup on its way: what is done is the manifest's beginning. */
export const draftSchema = z.strictObject({
  parent: z.string().optional(),
  manifest: manifestSchema,
  /** The file whose first parts are stored already. */
  partial: z.strictObject({ path: z.string(), stamp: z.string(), parts: z.array(part) }).optional(),
});

export type Manifest = z.output<typeof manifestSchema>;
export type Draft = z.output<typeof draftSchema>;
export type ManifestEntry = Manifest['entries'][number];
export type ManifestFile = z.output<typeof file>;
export type Part = z.output<typeof part>;
