/** `memory.list`: what was stored, the newest first. */

import * as z from 'zod';
import { readMemory, type Shelved, shelvesOf } from '../memory/shelves.ts';
import { hasAny, memoryTags, memoryView } from './memory-tags.ts';
import { defineTool } from './tool.ts';

/**
 * `{limit?, offset?, tags?}` gives `{items: [{item_id, text, tags, metadata?, created_at}], total, has_more}`, of those with any of
 * the tags. Costs at most 32 reads, and one for each item.
 */
export const memoryList = defineTool({
  inputs: z.strictObject({
    limit: z.int().min(0).max(50).default(20),
    offset: z.int().min(0).max(1_000_000).default(0),
    tags: memoryTags.optional(),
  }),
  async run(runtime, { limit, offset, tags }, { tenant }) {
    const found: Pick<Shelved, 'id' | 'at'>[] = [];
    for await (const { item } of shelvesOf(runtime, tenant, { words: false })) {
      if (hasAny(item.tags, tags)) found.push({ id: item.id, at: item.at });
    }
    found.sort((a, b) => b.at - a.at || (a.id < b.id ? -1 : 1));
    const items = await Promise.all(
      found.slice(offset, offset + limit).map(async ({ id }) => {
        const stored = await readMemory(runtime, tenant, id);
        return stored && memoryView(id, stored.memory);
      }),
    );
    // What was deleted meanwhile is none.
    return { items: items.filter((one) => one !== undefined), total: found.length, has_more: offset + limit < found.length };
  },
});
