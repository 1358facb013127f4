/**
 * The order of what a search finds: BM25 with its usual constants. How rare a word is, and how long a text is usually, are those of
 * all that the tenant has stored.
 *
 * Source: Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009); the logarithm's `1 +` is Lucene's,
 * with which no word counts against a text.
 */

const SATURATION = 1.2;
const LENGTH_SHARE = 0.75;

/** What ranking looks at. `counts` are the query's words in the text, in their order. */
export interface Rankable {
  readonly counts: readonly number[];
  /** Words in all. */
  readonly length: number;
}

/** Over all texts: how many there are, the sum of their lengths, and how many hold each of the query's words. */
export interface Corpus {
  readonly texts: number;
  readonly totalLength: number;
  readonly holding: readonly number[];
}

/** The best score first; of equal ones, `isBefore` decides. */
export function ranked<T extends Rankable>(
  found: readonly T[],
  { texts, totalLength, holding }: Corpus,
  isBefore: (a: T, b: T) => number,
): { readonly one: T; readonly score: number }[] {
  const rarity = holding.map((count) => Math.log(1 + (texts - count + 0.5) / (count + 0.5)));
  const usual = Math.max(1, totalLength / Math.max(1, texts));
  const scoreOf = ({ counts, length }: Rankable): number => {
    const damping = SATURATION * (1 - LENGTH_SHARE + (LENGTH_SHARE * length) / usual);
    return counts.reduce((sum, count, at) => sum + ((rarity[at] ?? 0) * count * (SATURATION + 1)) / (count + damping), 0);
  };
  return found.map((one) => ({ one, score: scoreOf(one) })).sort((a, b) => b.score - a.score || isBefore(a.one, b.one));
}
