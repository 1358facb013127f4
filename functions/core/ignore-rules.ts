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
  /** Adds the text of the `.gitignore` in `folder` (`''` is the project's own), without the lines that cost too much, or are too many. */
  add(folder: string, text: string): void;
  /** Whether the rules, or those for a folder above, leave this path out. What lies deeper than any rule is meant for is not left out. */
  ignores(path: string, isFolder: boolean): boolean;
}

/** The rules that these patterns make. */
export function ignoreRules(patterns: readonly string[] = []): IgnoreRules {
  const all = [...patterns];
  const rules = ignore({ ignorecase: false, allowRelativePaths: true });
  const use = (pattern: string) => rules.add([{ pattern }]);
  all.forEach(use);
  let heavy = all.filter(isHeavy).length;
  return {
    patterns: all,
    add(folder, text) {
      for (const line of text.replace(/^\ufeff/, '').split(/\r?\n/)) {
        const pattern = moved(line, folder);
        if (pattern === undefined || all.length >= MAX_PATTERNS) continue;
        if (isHeavy(pattern)) {
          if (heavy >= MAX_HEAVY) continue;
          heavy += 1;
        }
        all.push(pattern);
        use(pattern);
      }
    },
    ignores: (path, isFolder) => all.length > 0 && isJudged(path) && rules.ignores(isFolder ? `${path}/` : path),
  };
}

/** Patterns become regular expressions, and each wildcard multiplies the ways to match a name, or, where it is one of `**`, a path. */
const MAX_WILDCARDS = 3;
/** Every path is held against every pattern: of all files of a project together no more count, and of those with several wildcards. */
const MAX_PATTERNS = 5_000;
const MAX_HEAVY = 100;
/** One line with three `**` takes 30 us for a path of 24 parts, 5 s for one of 240, and hours for the longest that there are. */
const MAX_PARTS = 40;
const MAX_LENGTH = 1_024;

/** Whether a line of a `.gitignore` could take hours to match. */
export function isCostly(line: string): boolean {
  const { stars, folders } = wildcards(line);
  return stars > MAX_WILDCARDS || folders > MAX_WILDCARDS;
}

function isHeavy(pattern: string): boolean {
  const { stars, folders } = wildcards(pattern);
  return stars > 1 || folders > 1;
}

/** How many runs of stars the part with most of them has, and how many parts stand for any number of folders. */
function wildcards(pattern: string): { readonly stars: number; readonly folders: number } {
  const parts = pattern.split('/');
  const stars = parts.reduce((most, part) => Math.max(most, part.match(/\*+/g)?.length ?? 0), 0);
  return { stars, folders: parts.filter((part) => part.includes('**')).length };
}

const isJudged = (path: string): boolean => path.length <= MAX_LENGTH && path.split('/', MAX_PARTS + 1).length <= MAX_PARTS;

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
