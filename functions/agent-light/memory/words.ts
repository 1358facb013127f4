/** Text as the words that it is found by, in whatever script. */

const segmenter = new Intl.Segmenter('und', { granularity: 'word' });
const NO_LETTERS = /[^\p{Letter}\p{Mark}\p{Number}]+/u;
/** Written without spaces, and read by the dictionary as longer words than people search for. */
const IDEOGRAPHIC = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/u;
const MAX_CHARACTERS = 64;

/**
 * The words of a text in their order, each as often as it occurs: compatibility forms and capitals made alike (NFKC, lower case),
 * cut at 64 characters. `server.example.com` is three. Of Chinese and Japanese words, the characters and the pairs of neighbours.
 */
export function wordsOf(text: string): string[] {
  const words: string[] = [];
  for (const { segment, isWordLike } of segmenter.segment(text.normalize('NFKC').toLowerCase())) {
    if (!isWordLike) continue;
    for (const word of segment.split(NO_LETTERS)) {
      if (word === '') continue;
      if (IDEOGRAPHIC.test(word)) words.push(...charactersAndPairs([...word]));
      else words.push(word.length > MAX_CHARACTERS ? [...word].slice(0, MAX_CHARACTERS).join('') : word);
    }
  }
  return words;
}

function charactersAndPairs(characters: readonly string[]): string[] {
  return characters.flatMap((one, index) => (index === 0 ? [one] : [one, `${characters[index - 1]}${one}`]));
}

/**
 * How often each word occurs, as `paris 1 tower 2`, at most `maxBytes` of it: a word that comes first in the text beyond that is
 * left out.
 */
export function countedWords(words: readonly string[], maxBytes: number): string {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  const parts: string[] = [];
  let bytes = 0;
  for (const [word, count] of counts) {
    const part = `${word} ${count}`;
    bytes += Buffer.byteLength(part) + 1;
    if (bytes > maxBytes) break;
    parts.push(part);
  }
  return parts.join(' ');
}

/** How often each of the `wanted` words stands in what `countedWords` made, in their order. */
export function countsIn(counted: string, wanted: ReadonlyMap<string, number>): number[] {
  const counts = new Array<number>(wanted.size).fill(0);
  const parts = counted.split(' ');
  for (let at = 0; at + 1 < parts.length; at += 2) {
    const place = wanted.get(parts[at] as string);
    if (place !== undefined) counts[place] = Number(parts[at + 1]);
  }
  return counts;
}
