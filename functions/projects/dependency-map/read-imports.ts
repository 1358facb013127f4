import { hash } from 'node:crypto';
import type { Node, Parser, Tree } from 'web-tree-sitter';
import { Problem } from '../../core/errors.ts';
import { grammar } from './grammars.ts';
import type { Extracted, Language } from './languages.ts';

/** Characters: about as many bytes. */
const MAX_REMEMBERED = 50_000_000;
const remembered = new Map<string, Extracted>();
let size = 0;

const NODES_PER_LOOK = 1_000;

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
  if (isNestedDeeply(text)) return { imports: [], problem: 'is nested too deeply' };
  const { parser, numbersOf } = await grammar(language.grammar);
  const tree = parsed(parser, text, isOver);
  if (tree === null) {
    parser.reset();
    return undefined;
  }
  try {
    if (language.strict && tree.rootNode.hasError) return { imports: [], problem: 'has a syntax error' };
    const found = wantedNodes(tree, numbersOf(language.wanted), numbersOf(language.entered), isOver);
    return found && language.importsOf(found);
  } finally {
    tree.delete();
  }
}

/** Throws `Problem` 503 `parser_failed`, from then on for every text: what a trap leaves in the parser's memory is not known. */
function parsed(parser: Parser, text: string, isOver: () => boolean): Tree | null {
  if (trap !== undefined) throw failed(trap);
  try {
    return parser.parse(text, null, { progressCallback: isOver });
  } catch (error) {
    trap = error as Error;
    throw failed(trap);
  }
}

let trap: Error | undefined;

const failed = (cause: unknown) =>
  new Problem(503, 'parser_failed', 'The parser failed on a source text; this function has to be started again.', {
    cause,
    retryAfterSeconds: 60,
  });

/**
 * Whether more brackets are open at once than its stack has room for. Those in strings count too: of 24,000 files of Python's and
 * npm's packages none came to more than 206.
 */
function isNestedDeeply(text: string): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (OPENING.has(code)) {
      depth += 1;
      if (depth > MAX_DEPTH) return true;
    } else if (depth > 0 && CLOSING.has(code)) depth -= 1;
  }
  return false;
}

const MAX_DEPTH = 500;
const codesOf = (characters: string): ReadonlySet<number> => new Set([...characters].map((one) => one.charCodeAt(0)));
const OPENING = codesOf('([{');
const CLOSING = codesOf(')]}');

/** In the order of the text; `undefined` once it is over. */
function wantedNodes(
  tree: Tree,
  wanted: ReadonlySet<number>,
  entered: ReadonlySet<number>,
  isOver: () => boolean,
): Node[] | undefined {
  const found: Node[] = [];
  const cursor = tree.walk();
  try {
    for (let seen = 1; ; seen += 1) {
      if (seen % NODES_PER_LOOK === 0 && isOver()) return undefined;
      const type = cursor.nodeTypeId;
      if (wanted.has(type)) found.push(cursor.currentNode);
      if ((entered.size === 0 || entered.has(type)) && cursor.gotoFirstChild()) continue;
      while (!cursor.gotoNextSibling()) if (!cursor.gotoParent()) return found;
    }
  } finally {
    cursor.delete();
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
