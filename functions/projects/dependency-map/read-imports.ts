import { hash } from 'node:crypto';
import { grammar } from './grammars.ts';
import type { Extracted, Language } from './languages.ts';

/** Characters: about as many bytes. */
const MAX_REMEMBERED = 50_000_000;
const remembered = new Map<string, Extracted>();
let size = 0;

/**
 * What a file imports. The same content is parsed once in a process. `isOver` is asked while it parses, and ends it: then, and
 * for what the language would refuse, there is a `problem`.
 */
export async function readImports(language: Language, bytes: Buffer, isOver: () => boolean): Promise<Extracted> {
  const key = `${language.grammar} ${hash('sha256', bytes, 'base64')}`;
  const known = remembered.get(key);
  if (known !== undefined) {
    // To the end: what was not asked for longest stands first.
    remembered.delete(key);
    remembered.set(key, known);
    return known;
  }
  const found = await parse(language, bytes, isOver);
  if (found !== undefined) remember(key, found);
  return found ?? { imports: [], problem: 'takes too long to parse' };
}

async function parse(language: Language, bytes: Buffer, isOver: () => boolean): Promise<Extracted | undefined> {
  const text = language.textOf(bytes);
  if (text === undefined) return { imports: [], problem: 'is not in the encoding that it declares' };
  const { parser, query } = await grammar(language.grammar, language.query);
  let over = false;
  const progressCallback = (): boolean => {
    over ||= isOver();
    return over;
  };
  const tree = parser.parse(text, null, { progressCallback });
  if (tree === null) {
    parser.reset();
    return undefined;
  }
  try {
    if (language.strict && tree.rootNode.hasError) return { imports: [], problem: 'has a syntax error' };
    const captures = query.captures(tree.rootNode, { progressCallback });
    return over ? undefined : language.importsOf(captures);
  } finally {
    tree.delete();
  }
}

function remember(key: string, found: Extracted): void {
  remembered.set(key, found);
  size += sizeOf(key, found);
  for (const [oldest, one] of remembered) {
    if (size <= MAX_REMEMBERED) return;
    remembered.delete(oldest);
    size -= sizeOf(oldest, one);
  }
}

const sizeOf = (key: string, found: Extracted): number => key.length + JSON.stringify(found).length;
