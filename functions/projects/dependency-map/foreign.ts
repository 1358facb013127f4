/** What of a project is not its own source, and rules that are not worth their time. */

import type { TreeEntry } from '../../core/ports.ts';

/** Other people's code, tools' own folders, and copies. */
const NEVER: ReadonlySet<string> = new Set([
  ...['node_modules', 'bower_components', 'site-packages', '__pycache__'],
  ...['.git', '.hg', '.svn', '.venv', '.tox', '.nox'],
]);

/** Whether a folder is never looked into, whatever the rules say; a virtual environment says itself that it is one. */
export const isForeign = (name: string, inside: readonly TreeEntry[]): boolean =>
  NEVER.has(name) || inside.some(({ path, kind }) => kind === 'file' && path.endsWith('/pyvenv.cfg'));

/** Patterns become regular expressions, and each wildcard multiplies the ways to match a name. */
const MAX_WILDCARDS = 3;

/** Whether a line of a `.gitignore` could take hours to match. */
export function isCostly(line: string): boolean {
  const parts = line.split('/');
  const stars = (part: string): number => part.match(/\*+/g)?.length ?? 0;
  return parts.some((part) => stars(part) > MAX_WILDCARDS) || parts.filter((part) => part.includes('**')).length > MAX_WILDCARDS;
}
