/** What Python source imports. */

import type { Node } from 'web-tree-sitter';
import type { Extracted } from './languages.ts';

/**
 * The statements that import. The grammar also takes those that only Python 2 has, and Python does not; `print >> file` is an
 * expression there.
 */
export const PYTHON_WANTED = [
  ...['import_statement', 'import_from_statement', 'future_import_statement'],
  ...['print_statement', 'exec_statement'],
];

/** What they may stand in. Expressions have no statements in them. */
export const PYTHON_ENTERED = [
  ...['module', 'block', 'if_statement', 'elif_clause', 'else_clause', 'for_statement', 'while_statement', 'with_statement'],
  ...['try_statement', 'except_clause', 'finally_clause', 'match_statement', 'case_clause'],
  ...['function_definition', 'class_definition', 'decorated_definition'],
];

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
export function pythonImports(statements: readonly Node[]): Extracted {
  if (statements.some(isPython2)) return { imports: [], problem: 'is not Python 3' };
  const importing = statements.filter(({ type }) => type !== 'print_statement');
  return { imports: importing.flatMap((node) => (node.type === 'import_statement' ? plain(node) : from(node))) };
}

const isPython2 = (statement: Node): boolean =>
  statement.type === 'exec_statement' || (statement.type === 'print_statement' && statement.namedChild(0)?.type !== 'chevron');

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
