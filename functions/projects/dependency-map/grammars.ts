/** The parsers: Tree-sitter as WebAssembly, which no source text can crash, and which can be stopped in the middle of one. */

import { fileURLToPath } from 'node:url';
import treeSitter, { type Parser, type Query } from '@vscode/tree-sitter-wasm';

/** A grammar with its query. One parser: it works on one text at a time. */
export interface Grammar {
  readonly parser: Parser;
  readonly query: Query;
}

/** Where it all lies. What makes the archives knows these calls, and puts the files beside the code. */
const ENGINE = () => import.meta.resolve('@vscode/tree-sitter-wasm/wasm/tree-sitter.wasm');
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
export function grammar(name: GrammarName, query: string): Promise<Grammar> {
  const known = loaded.get(name) ?? load(name, query);
  loaded.set(name, known);
  known.catch(() => loaded.delete(name));
  return known;
}

async function load(name: GrammarName, query: string): Promise<Grammar> {
  engine ??= treeSitter.Parser.init({ locateFile: () => fileURLToPath(ENGINE()) });
  await engine;
  const language = await treeSitter.Language.load(fileURLToPath(FILES[name]()));
  const parser = new treeSitter.Parser();
  parser.setLanguage(language);
  return { parser, query: new treeSitter.Query(language, query) };
}
