/** `memory.search`, also `memory.query`: finds what was stored by its words. */

import * as z from 'zod';
import { type Rankable, ranked } from '../memory/rank.ts';
import { readMemory, type Shelved, shelvesOf } from '../memory/shelves.ts';
import { countsIn, wordsOf } from '../memory/words.ts';
import { hasAny, memoryTags, memoryView } from './memory-tags.ts';
import { defineTool } from './tool.ts';

/** Of a query; each costs a count for each text that is found. */
const MOST_WORDS = 64;

type Found = Rankable & Pick<Shelved, 'id' | 'at'>;

/**
 * `{query, k?, tags?}` gives `{results: [{item_id, text, tags, metadata?, score, created_at}], total, searched}`: the best first, by
 * BM25, of those with any of the words and any of the tags; `total` counts them, `searched` all that the tenant has stored. The first 64 words of the query count. Costs at
 * most 32 reads, and one for each result.
 */
export const memorySearch = defineTool({
  inputs: z.strictObject({
    query: z.string().min(1).max(4_096),
    k: z.int().min(1).max(50).default(5),
    tags: memoryTags.optional(),
  }),
  async run(runtime, { query, k, tags }, { tenant }) {
    const wanted = new Map([...new Set(wordsOf(query))].slice(0, MOST_WORDS).map((word, place) => [word, place]));
    const holding = new Array<number>(wanted.size).fill(0);
    const found: Found[] = [];
    let texts = 0;
    let totalLength = 0;
    for await (const { item, counted } of shelvesOf(runtime, tenant, { words: true })) {
      texts += 1;
      totalLength += item.length;
      const counts = countsIn(counted, wanted);
      if (counts.every((count) => count === 0)) continue;
      for (const [place, count] of counts.entries()) if (count > 0) holding[place] = (holding[place] ?? 0) + 1;
      if (hasAny(item.tags, tags)) found.push({ id: item.id, at: item.at, length: item.length, counts });
    }
    const best = ranked(found, { texts, totalLength, holding }, (a, b) => b.at - a.at).slice(0, k);
    const results = await Promise.all(
      best.map(async ({ one, score }) => {
        const stored = await readMemory(runtime, tenant, one.id);
        return stored && { ...memoryView(one.id, stored.memory), score };
      }),
    );
    // What was deleted meanwhile is none.
    return { results: results.filter((one) => one !== undefined), total: found.length, searched: texts };
  },
});
