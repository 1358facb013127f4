/** What the replies about projects, backups and rollbacks have to look like, to the last field. */

import { z } from 'zod';

const time = z.iso.datetime({ precision: 3 });
const projectId = z.string().regex(/^[0-9a-f]{40}$/);
const backupId = z.string().regex(/^backup_\d{8}_\d{6}_[0-9a-z]+$/);
const rollbackId = z.string().regex(/^[0-9a-f]{32}$/);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const error = z.strictObject({ code: z.string().min(1).max(100), message: z.string().min(1) });
const cursor = z.string().min(1).max(2_000).optional();
const corrupt = z.array(z.strictObject({ path: z.string(), reason: z.string().min(1) }));
const count = z.int().min(0);

export const backupTakenSchema = z.strictObject({
  status: z.literal('success'),
  backup_id: backupId,
  project_id: projectId,
});
export const backupRunningSchema = backupTakenSchema.extend({ status: z.literal('running') });
export const verifyingSchema = backupRunningSchema.omit({ project_id: true });

const named = { project_id: projectId, project_path: z.string().min(1), by: z.string().min(1), timestamp: time };
const ended = { finished_at: time.optional(), error: error.optional() };

export const backupSchema = z.strictObject({
  backup_id: backupId,
  ...named,
  description: z.string().max(1_000),
  status: z.enum(['running', 'verified', 'failed', 'expired']),
  kind: z.enum(['requested', 'task', 'safety']),
  task_id: z.string().optional(),
  progress: z.strictObject({ files: count, bytes: count, storedBytes: count, storedBlobs: count }).optional(),
  manifest_hash: sha256.optional(),
  checked: z.strictObject({ at: time, files: count, bytes: count, corrupt }).optional(),
  ...ended,
});
export const backupsSchema = z.strictObject({ backups: z.array(backupSchema).max(200), nextCursor: cursor });

export const rollbackSchema = z.strictObject({
  rollback_id: rollbackId,
  ...named,
  backup_id: backupId,
  status: z.enum(['running', 'succeeded', 'failed']),
  safety_backup_id: backupId.optional(),
  outcome: z.enum(['completed', 'undone']).optional(),
  ...ended,
});
export const rolledBackSchema = z
  .strictObject({
    status: z.literal('success'),
    message: z.string(),
    rollback_id: rollbackId,
    backup_id: backupId,
    project_id: projectId,
    safety_backup_id: backupId,
  })
  .refine(({ message, backup_id }) => message === `Rolled back to ${backup_id}`, 'says another backup');

export const rollbackRunningSchema = z.strictObject({
  status: z.literal('running'),
  rollback_id: rollbackId,
  backup_id: backupId,
  project_id: projectId,
  poll: z.string().regex(/^\/rollbacks\//),
});

export const projectSchema = z.strictObject({
  project_id: projectId,
  project_path: z.string().min(1),
  description: z.string().max(1_000),
  by: z.string().min(1),
  created_at: time,
  updated_at: time,
  retention: z.strictObject({ last: z.int().min(1), daily: count, weekly: count }),
  latest_backup: backupSchema.optional(),
  latest_rollback: rollbackSchema.optional(),
});
export const projectsSchema = z.strictObject({ projects: z.array(projectSchema).max(200), nextCursor: cursor });

export const diffSchema = z.strictObject({
  project_id: projectId,
  from: backupId,
  to: z.union([backupId, z.literal('now')]),
  counts: z.strictObject({ added: count, removed: count, changed: count }),
  entries: z
    .array(
      z.strictObject({
        path: z.string().min(1),
        change: z.enum(['added', 'removed', 'changed']),
        what: z.array(z.string()).optional(),
      }),
    )
    .max(200),
  nextCursor: cursor,
});

export const verifiedSchema = z.strictObject({
  status: z.literal('success'),
  backup_id: backupId,
  verified: z.boolean(),
  files: count,
  bytes: count,
  corrupt,
});

const names = z.array(z.string().min(1));
const touched = {
  path: z.string().min(1),
  touched: z.enum(['changed', 'direct', 'indirect']),
  via: z.string().min(1).optional(),
};
export const dependencyMapSchema = z.union([
  z.strictObject({
    since: z.string(),
    project_id: z.string().min(1),
    modules: z.record(z.string(), z.strictObject(touched)),
    removed: names,
  }),
  z.strictObject({
    modules: z.int().min(0),
    imports: z.int().min(0),
    ...{ roots: names, leaves: names, isolated: names, shared: names },
    cycles: z.array(z.strictObject({ modules: names.min(2), path: names.min(2) })),
    skipped: z.array(z.strictObject({ path: z.string().min(1), reason: z.string().min(1) })),
  }),
  z.record(
    z.string(),
    z.strictObject({ path: z.string().min(1), imports: names, is_isolated: z.boolean(), is_shared: z.boolean() }),
  ),
]);
