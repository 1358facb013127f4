/** `memory.delete`: forgets what was stored. */

import * as z from 'zod';
import { removeMemory } from '../memory/shelves.ts';
import { defineTool } from './tool.ts';

/**
 * `{item_id}` gives `{item_id, status}`: `deleted`, or `absent` where the tenant has none of that id, or an earlier attempt of the
 * job has deleted it.
 */
export const memoryDelete = defineTool({
  inputs: z.strictObject({ item_id: z.string().regex(/^mem_[0-9a-f]{40}$/, 'is no item_id of memory.write') }),
  async run(runtime, { item_id }, { tenant }) {
    return { item_id, status: (await removeMemory(runtime, tenant, item_id)) ? 'deleted' : 'absent' };
  },
});
