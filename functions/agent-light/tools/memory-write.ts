/** `memory.write`, also `memory.store`: keeps a text for later. */

import * as z from 'zod';
import { storeMemory } from '../memory/shelves.ts';
import { memoryTags } from './memory-tags.ts';
import { defineTool } from './tool.ts';

const MAX_BYTES = 65_536;
const MAX_METADATA_BYTES = 2_048;

/**
 * `{text, tags?, metadata?}` gives `{item_id, status: "stored", text_length, tags, created_at}`, the length in characters. Two jobs
 * store two memories, whatever is in them; the attempts of one job store one.
 */
export const memoryWrite = defineTool({
  inputs: z.strictObject({
    text: z
      .string()
      .min(1)
      .refine((text) => Buffer.byteLength(text) <= MAX_BYTES, `is larger than ${MAX_BYTES} bytes`)
      .refine((text) => text.isWellFormed(), 'holds half of a character'),
    tags: memoryTags.default([]),
    metadata: z
      .record(z.string(), z.json())
      .refine(
        (value) => Buffer.byteLength(JSON.stringify(value)) <= MAX_METADATA_BYTES,
        `is larger than ${MAX_METADATA_BYTES} bytes`,
      )
      .optional(),
  }),
  async run(runtime, { text, tags, metadata }, { tenant, effectId }) {
    const given = { text, tags, ...(metadata === undefined ? {} : { metadata }) };
    const { id, memory } = await storeMemory(runtime, tenant, effectId, given);
    return {
      item_id: id,
      status: 'stored',
      text_length: [...memory.text].length,
      tags: memory.tags,
      created_at: new Date(memory.createdAt).toISOString(),
    };
  },
});
