/** What errors look like, and which codes there are by status. */

import { z } from 'zod';

export const CODES: Readonly<Record<number, readonly string[]>> = {
  400: ['invalid_json', 'invalid_url', 'job_id_required', 'backup_not_found'],
  401: ['unauthenticated'],
  402: ['budget_exceeded'],
  404: [
    'not_found',
    'task_not_found',
    'budget_not_found',
    'agent_not_found',
    'project_not_found',
    'backup_not_found',
    'rollback_not_found',
  ],
  403: ['forbidden', 'outside_roots', 'four_eyes'],
  409: [
    ...['task_ended', 'task_not_dead', 'lease_lost', 'parent_ended', 'children_open', 'agent_disabled', 'agent_reserved'],
    ...['too_many_switches', 'not_waiting_for_approval', 'approval_changed', 'already_decided'],
    ...['project_busy', 'project_changed', 'project_recreated', 'project_moved', 'file_changing'],
    ...['backup_running', 'backup_not_verified'],
  ],
  415: ['unsupported_media_type'],
  422: [
    ...['invalid_fields', 'agent_not_found', 'agent_mismatch', 'egress_denied', 'idempotency_key_reused'],
    ...['invalid_json', 'parent_not_found', 'dependency_not_found', 'project_path_missing', 'project_path_invalid'],
    ...['project_not_found', 'project_mismatch', 'project_ambiguous'],
  ],
};

/** A problem document. Source: RFC 9457. */
export const problemSchema = z
  .strictObject({
    type: z.literal('about:blank'),
    title: z.string().min(1),
    status: z.int().min(400).max(599),
    code: z.string().regex(/^[a-z][a-z0-9_]{0,99}$/),
    detail: z.string().min(1).max(5_000),
    errors: z
      .array(z.strictObject({ field: z.string().min(1), code: z.string().min(1), message: z.string().min(1) }))
      .min(1)
      .max(50)
      .optional(),
  })
  .refine(({ title }) => title !== 'Error', 'has no title for its status');
