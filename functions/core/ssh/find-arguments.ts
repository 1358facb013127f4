/** The arguments of `find`: its own grammar, of which only what looks and prints is taken. */

import { refused } from './command-line.ts';

/** None begins with a hyphen: it would be read as an option by a `find` that knows another number of values. */
const TEXT = /^(?!-)/;
const NUMBER = /^[+-]?\d{1,9}[bcwkMGsmhdw]?$/;

/** What takes one value. What writes, deletes, runs something, or reads names from a file is not here. */
const VALUED: Readonly<Record<string, RegExp>> = {
  ...Object.fromEntries(
    ['name', 'iname', 'path', 'ipath', 'lname', 'ilname', 'newer', 'user', 'group', 'printf'].map((test) => [test, TEXT]),
  ),
  ...Object.fromEntries(
    ['size', 'mtime', 'mmin', 'atime', 'amin', 'ctime', 'cmin', 'uid', 'gid', 'links', 'inum', 'maxdepth', 'mindepth'].map(
      (test) => [test, NUMBER],
    ),
  ),
  type: /^[bcdpfls](?:,[bcdpfls])*$/,
  perm: /^[-/]?[0-7ugoa+=rwxst,]{1,40}$/,
};
const SINGLE = new Set(
  [
    ...['empty', 'readable', 'writable', 'executable', 'nouser', 'nogroup', 'true', 'false', 'xdev', 'mount', 'depth', 'daystart'],
    ...['prune', 'quit', 'print', 'print0', 'ls', 'a', 'and', 'o', 'or', 'not'],
  ].map((name) => `-${name}`),
);
const OPERATORS = new Set(['!', '(', ')', ',']);
const LINKS = new Set(['-H', '-L', '-P']);

/** Throws `Problem` 403 `command_refused`, which says what `find` takes. */
export function checkFind(words: readonly string[]): void {
  let at = 0;
  while (LINKS.has(words[at] ?? '')) at += 1;
  while (at < words.length && !isExpression(words[at] as string)) at += 1;
  for (; at < words.length; at += 1) {
    const word = words[at] as string;
    if (SINGLE.has(word) || OPERATORS.has(word)) continue;
    const value = word.startsWith('-') && Object.hasOwn(VALUED, word.slice(1)) ? VALUED[word.slice(1)] : undefined;
    const next = words[at + 1];
    if (value === undefined || next === undefined || !value.test(next))
      throw refused(`find may not have ${JSON.stringify(word)} here; ${TAKES}`);
    at += 1;
  }
}

const isExpression = (word: string): boolean => word.startsWith('-') || OPERATORS.has(word);

const TAKES = `it takes ${[...SINGLE].join(' ')} ! ( ) , and with a value ${Object.keys(VALUED)
  .map((name) => `-${name}`)
  .join(' ')}`;
