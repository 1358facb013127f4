/** The languages that are mapped: everything about one of them in one row. */

import type { QueryCapture } from '@vscode/tree-sitter-wasm';
import { ECMASCRIPT_QUERY, ecmascriptImports } from './ecmascript.ts';
import type { GrammarName } from './grammars.ts';
import { PYTHON_QUERY, type PythonImport, pythonImports } from './python.ts';
import { pythonText, scriptText } from './source-text.ts';

/** What one file says; with `problem`, why it says nothing. */
export interface Extracted {
  readonly imports: readonly (PythonImport | string)[];
  readonly problem?: string;
}

export interface Language {
  readonly kind: 'python' | 'ecmascript';
  readonly grammar: GrammarName;
  readonly query: string;
  textOf(bytes: Buffer): string | undefined;
  /** Whether an error anywhere is one to the language too. TypeScript's grammar is behind the language here and there. */
  readonly strict: boolean;
  importsOf(captures: readonly QueryCapture[]): Extracted;
}

const python: Language = {
  kind: 'python',
  grammar: 'python',
  query: PYTHON_QUERY,
  textOf: pythonText,
  strict: true,
  importsOf: pythonImports,
};

const ecmascript = (grammar: GrammarName): Language => ({
  kind: 'ecmascript',
  grammar,
  query: ECMASCRIPT_QUERY,
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
