/** What TypeScript and JavaScript import. */

import type { Node } from 'web-tree-sitter';
import type { Extracted } from './languages.ts';

/** Types' imports, and exports from elsewhere, are the same statements; `import('…')` and `require('…')` are calls. */
export const ECMASCRIPT_WANTED = ['import_statement', 'export_statement', 'import_require_clause', 'call_expression'];

/** The specifiers, as they are written. Text with an error in it still has the imports around it. */
export function ecmascriptImports(nodes: readonly Node[]): Extracted {
  const specifiers = new Set<string>();
  for (const node of nodes) {
    const literal = node.type === 'call_expression' ? loaded(node) : node.childForFieldName('source');
    const text = literal && textOf(literal);
    if (typeof text === 'string') specifiers.add(text);
  }
  return { imports: [...specifiers] };
}

/** What a call loads, if that is what it does. */
function loaded(call: Node): Node | undefined {
  const callee = call.child(0);
  if (callee?.type !== 'import' && !(callee?.type === 'identifier' && callee.text === 'require')) return undefined;
  const given = call.childForFieldName('arguments');
  return given?.type === 'arguments' ? firstArgument(given) : undefined;
}

const firstArgument = (node: Node): Node | undefined =>
  node.namedChildren.find((child) => child !== null && child.type !== 'comment') ?? undefined;

/** The value of a string, or of a template without expressions in it. Escapes as in JSON are known, others stay. */
function textOf(node: Node): string | undefined {
  if (node.type !== 'string' && node.type !== 'template_string') return undefined;
  const { text, namedChildren } = node;
  if (namedChildren.some((child) => child?.type === 'template_substitution')) return undefined;
  const inner = text.slice(1, -1);
  if (!inner.includes('\\')) return inner;
  try {
    return JSON.parse(`"${inner}"`) as string;
  } catch {
    return inner;
  }
}
