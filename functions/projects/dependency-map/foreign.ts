/** What of a project is not its own source. */

import type { TreeEntry } from '../../core/ports.ts';

/** Other people's code, tools' own folders, and copies. */
const NEVER: ReadonlySet<string> = new Set([
  ...['node_modules', 'bower_components', 'site-packages', '__pycache__'],
  ...['.git', '.hg', '.svn', '.venv', '.tox', '.nox'],
]);

/** Whether a folder is never looked into, whatever the rules say; a virtual environment says itself that it is one. */
export const isForeign = (name: string, inside: readonly TreeEntry[]): boolean =>
  NEVER.has(name) || inside.some(({ path, kind }) => kind === 'file' && path.endsWith('/pyvenv.cfg'));
