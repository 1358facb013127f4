/** What TypeScript and JavaScript import. */

import type { Node, QueryCapture } from '@vscode/tree-sitter-wasm';
import type { Extracted } from './languages.ts';

/** Types' imports and exports from elsewhere are the same statements; `import('…')` and `require('…')` are calls. */
export const ECMASCRIPT_QUERY = `
  (import_statement source: (string) @source)
  (export_statement source: (string) @source)
  (import_require_clause source: (string) @source)
  (call_expression function: (import) arguments: (arguments) @arguments)
  (call_expression function: (identifier) @function arguments: (arguments) @arguments (#eq? @function "require"))
`;

/** The specifiers, as they are written. Text with an error in it still has the imports around it. */
export function ecmascriptImports(captures: readonly QueryCapture[]): Extracted {
  const specifiers = new Set<string>();
  for (const { name, node } of captures) {
    const literal = name === 'source' ? node : name === 'arguments' ? firstArgument(node) : undefined;
    const text = literal && textOf(literal);
    if (text !== undefined) specifiers.add(text);
  }
  return { imports: [...specifiers] };
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
