/**
 * The ignore rules of a whole project as one list of patterns, in the syntax of `.gitignore`, relative to the project. Of several
 * `.gitignore` files the deeper one comes later, since the last pattern that matches decides.
 *
 * Source: git-scm.com/docs/gitignore.
 */

import ignore from 'ignore';

export interface IgnoreRules {
  /** Every pattern so far, in order. */
  readonly patterns: readonly string[];
  /** Adds the text of the `.gitignore` in `folder` (`''` is the project's own), without the lines that cost too much. */
  add(folder: string, text: string): void;
  /** Whether the rules, or those for a folder above, leave this path out. */
  ignores(path: string, isFolder: boolean): boolean;
}

/** The rules that these patterns make. */
export function ignoreRules(patterns: readonly string[] = []): IgnoreRules {
  const all = [...patterns];
  const rules = ignore({ ignorecase: false, allowRelativePaths: true });
  const use = (pattern: string) => rules.add([{ pattern }]);
  all.forEach(use);
  return {
    patterns: all,
    add(folder, text) {
      for (const line of text.replace(/^\ufeff/, '').split(/\r?\n/)) {
        const pattern = moved(line, folder);
        if (pattern === undefined) continue;
        all.push(pattern);
        use(pattern);
      }
    },
    ignores: (path, isFolder) => all.length > 0 && rules.ignores(isFolder ? `${path}/` : path),
  };
}

/** Patterns become regular expressions, and each wildcard multiplies the ways to match a name. */
const MAX_WILDCARDS = 3;

/** Whether a line of a `.gitignore` could take hours to match. */
export function isCostly(line: string): boolean {
  const parts = line.split('/');
  const stars = (part: string): number => part.match(/\*+/g)?.length ?? 0;
  return parts.some((part) => stars(part) > MAX_WILDCARDS) || parts.filter((part) => part.includes('**')).length > MAX_WILDCARDS;
}

/** No path is longer (`PATH_MAX`), and the time that a line takes grows faster than its length. */
const LONGEST_LINE = 4_096;

/** A line of the `.gitignore` in `folder` as a pattern of the project's own; `undefined` for one that says nothing. */
function moved(line: string, folder: string): string | undefined {
  // Blanks at the end count only behind a backslash: the first one of them.
  const bare = line.trimEnd();
  const rule = bare.endsWith('\\') ? line.slice(0, bare.length + 1) : bare;
  if (rule === '' || rule.length > LONGEST_LINE || rule.startsWith('#') || rule === '!' || rule === '/') return undefined;
  if (isCostly(rule)) return undefined;
  if (folder === '') return rule;
  const negative = rule.startsWith('!');
  // What a backslash protects from being a sign at the beginning needs no protection further on, and stands the same with it.
  const body = negative ? rule.slice(1) : rule;
  const isAnchored = body.slice(0, -1).includes('/');
  const literal = folder.replace(/[\\*?[\]]/g, '\\$&');
  return `${negative ? '!' : ''}/${literal}/${isAnchored ? body.replace(/^\//, '') : `**/${body}`}`;
}
