/** What Python source imports. */

import type { Node, QueryCapture } from '@vscode/tree-sitter-wasm';
import type { Extracted } from './languages.ts';

/**
 * Every import statement wherever it stands. Statements that only Python 2 has are captured too: the grammar takes them, Python
 * does not; `print >> file` is an expression there.
 */
export const PYTHON_QUERY = `
  (import_statement) @import
  (import_from_statement) @import
  (future_import_statement) @import
  (print_statement . argument: (_)) @refused
  (exec_statement) @refused
`;

/**
 * `import a.b` is `{level: 0, module: ['a', 'b']}`; `from ..a import b, c` is `{level: 2, module: ['a'], names: ['b', 'c']}`, and
 * with a star its names are none.
 */
export interface PythonImport {
  readonly level: number;
  readonly module: readonly string[];
  readonly names?: readonly string[];
}

/** The imports of a tree without errors. */
export function pythonImports(captures: readonly QueryCapture[]): Extracted {
  if (captures.some(({ name }) => name === 'refused')) return { imports: [], problem: 'is not Python 3' };
  return { imports: captures.flatMap(({ node }) => (node.type === 'import_statement' ? plain(node) : from(node))) };
}

const plain = (statement: Node): PythonImport[] => named(statement).map((module) => ({ level: 0, module }));

function from(statement: Node): PythonImport[] {
  const source = statement.childForFieldName('module_name');
  // In the grammar this one is a statement of its own, without the module's name.
  if (source === null) return [{ level: 0, module: ['__future__'], names: named(statement).map((name) => name.join('.')) }];
  const relative = source.type === 'relative_import';
  const prefix = relative ? source.namedChildren.find((child) => child?.type === 'import_prefix') : undefined;
  const module = relative ? source.namedChildren.find((child) => child?.type === 'dotted_name') : source;
  return [
    {
      level: prefix ? dots(prefix.text) : 0,
      module: module ? parts(module) : [],
      names: named(statement).map((name) => name.join('.')),
    },
  ];
}

function named(statement: Node): string[][] {
  return statement.childrenForFieldName('name').flatMap((child) => {
    const name = child?.type === 'aliased_import' ? child.childForFieldName('name') : child;
    return name ? [parts(name)] : [];
  });
}

/** Spaces and continued lines may stand between the parts; two spellings of one character are one name to Python. */
const parts = ({ namedChildren }: Node): string[] =>
  namedChildren.flatMap((child) => (child?.type === 'identifier' ? [child.text.normalize('NFKC')] : []));

const dots = (prefix: string): number => prefix.replaceAll(/[^.]/g, '').length;
