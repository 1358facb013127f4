/** What `memory.*` say of tags, and how they show what was stored. */

import * as z from 'zod';
import type { JsonObject } from '../../core/task.ts';
import type { Memory } from '../memory/shelves.ts';

/** At most 50 of 1 to 100 characters. Two are the same when they are written the same. */
export const memoryTags = z.array(z.string().min(1).max(100)).max(50);

/** Whether a memory has any of the tags; without tags, all have. */
export const hasAny = (tags: readonly string[], wanted: readonly string[] | undefined): boolean =>
  wanted === undefined || wanted.length === 0 || wanted.some((tag) => tags.includes(tag));

/** A memory as it is shown. */
export const memoryView = (id: string, { text, tags, metadata, createdAt }: Memory): JsonObject => ({
  item_id: id,
  text,
  tags,
  ...(metadata === undefined ? {} : { metadata }),
  created_at: new Date(createdAt).toISOString(),
});
