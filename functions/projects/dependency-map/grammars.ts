/** The parsers: Tree-sitter as WebAssembly, which no source text can crash, and which can be stopped in the middle of one. */

import { fileURLToPath } from 'node:url';
import { Language, Parser } from 'web-tree-sitter';

/** A grammar. One parser: it works on one text at a time. */
export interface Grammar {
  readonly parser: Parser;
  /** The numbers of types of nodes. Throws `TypeError` for one that the grammar does not have. */
  numbersOf(types: readonly string[]): ReadonlySet<number>;
}

/** Where it all lies. What makes the archives knows these calls, and puts the files beside the code. */
const ENGINE = () => import.meta.resolve('web-tree-sitter/web-tree-sitter.wasm');
const FILES = {
  python: () => import.meta.resolve('@vscode/tree-sitter-wasm/wasm/tree-sitter-python.wasm'),
  typescript: () => import.meta.resolve('@vscode/tree-sitter-wasm/wasm/tree-sitter-typescript.wasm'),
  tsx: () => import.meta.resolve('@vscode/tree-sitter-wasm/wasm/tree-sitter-tsx.wasm'),
};

/** `tsx` also reads JavaScript. TypeScript alone has `<T>value`, which the other takes for an element. */
export type GrammarName = keyof typeof FILES;

const loaded = new Map<GrammarName, Promise<Grammar>>();
let engine: Promise<void> | undefined;

/** A grammar, loaded with its first use. */
export function grammar(name: GrammarName): Promise<Grammar> {
  const known = loaded.get(name) ?? load(name);
  loaded.set(name, known);
  known.catch(() => loaded.delete(name));
  return known;
}

async function load(name: GrammarName): Promise<Grammar> {
  engine ??= Parser.init({ locateFile: () => fileURLToPath(ENGINE()) });
  await engine;
  const rules = await Language.load(fileURLToPath(FILES[name]()));
  const parser = new Parser();
  parser.setLanguage(rules);
  const sets = new Map<readonly string[], ReadonlySet<number>>();
  return {
    parser,
    numbersOf(types) {
      const known = sets.get(types) ?? new Set(types.map((type) => numberOf(rules, type)));
      sets.set(types, known);
      return known;
    },
  };
}

function numberOf(rules: Language, type: string): number {
  const number = rules.idForNodeType(type, true);
  if (number === null || number === 0) throw new TypeError(`The grammar ${rules.name} has no ${type}.`);
  return number;
}
