/** The languages that are mapped: everything about one of them in one row. */

import type { Node } from 'web-tree-sitter';
import { ECMASCRIPT_WANTED, ecmascriptImports } from './ecmascript.ts';
import type { GrammarName } from './grammars.ts';
import { PYTHON_ENTERED, PYTHON_WANTED, type PythonImport, pythonImports } from './python.ts';
import { pythonText, scriptText } from './source-text.ts';

/** What one file says; with `problem`, why it says nothing. */
export interface Extracted {
  readonly imports: readonly (PythonImport | string)[];
  readonly problem?: string;
}

export interface Language {
  readonly kind: 'python' | 'ecmascript';
  readonly grammar: GrammarName;
  /** The nodes that may import something, by their types. */
  readonly wanted: readonly string[];
  /** The nodes that those may be in; all, where there are none. */
  readonly entered: readonly string[];
  textOf(bytes: Buffer): string | undefined;
  /** Whether an error anywhere is one to the language too. TypeScript's grammar is behind the language here and there. */
  readonly strict: boolean;
  importsOf(wanted: readonly Node[]): Extracted;
}

const python: Language = {
  kind: 'python',
  grammar: 'python',
  wanted: PYTHON_WANTED,
  entered: PYTHON_ENTERED,
  textOf: pythonText,
  strict: true,
  importsOf: pythonImports,
};

const ecmascript = (grammar: GrammarName): Language => ({
  kind: 'ecmascript',
  grammar,
  wanted: ECMASCRIPT_WANTED,
  entered: [],
  textOf: scriptText,
  strict: false,
  importsOf: ecmascriptImports,
});

const typescript = ecmascript('typescript');
const tsx = ecmascript('tsx');

const BY_EXTENSION: Readonly<Record<string, Language>> = {
  py: python,
  ts: typescript,
  mts: typescript,
  cts: typescript,
  tsx,
  js: tsx,
  mjs: tsx,
  cjs: tsx,
  jsx: tsx,
};

/** The language of a file by its name's ending. */
export function languageOf(path: string): Language | undefined {
  const extension = /\.([a-z]+)$/.exec(path)?.[1] ?? '';
  return Object.hasOwn(BY_EXTENSION, extension) ? BY_EXTENSION[extension] : undefined;
}
