/**
 * A command line without a shell: words, quotes and backslashes, and nothing else. What a shell would act upon is refused rather
 * than taken literally, so that no line means one thing here and another to whoever wrote it.
 */

import { Problem } from '../errors.ts';

const MAX_CHARACTERS = 4_096;
const MAX_WORDS = 200;

/** Controls (line ends among them), what reverses or hides text, and halves of characters: in no line, however quoted. */
const UNSAFE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/u;
/** What may stand outside of quotes. */
const PLAIN = /[A-Za-z0-9_./:,+@%=-]|\P{ASCII}/u;
/** What a shell acts upon within double quotes too. */
const ACTIVE_IN_DOUBLE = new Set(['$', '`', '\\', '!']);

/**
 * The words of a command line. Single and double quotes keep what is in them, a backslash outside of quotes the character behind it.
 * Throws `Problem` 403 `command_refused` for everything that a shell would act upon, and says how to write it.
 */
export function parseCommand(line: string): readonly [string, ...string[]] {
  if (line.length > MAX_CHARACTERS) throw refused(`it is longer than ${MAX_CHARACTERS} characters`);
  const unsafe = UNSAFE.exec(line)?.[0];
  if (unsafe !== undefined) throw refused(`it has the character ${codeOf(unsafe)}, which no command line has`);
  const words = wordsOf([...line]);
  if (words.length > MAX_WORDS) throw refused(`it has more than ${MAX_WORDS} words`);
  const [first, ...rest] = words;
  if (first === undefined || first === '') throw refused('it names no command');
  if (first.startsWith('-')) throw refused('it begins with an option');
  if (/^[A-Za-z_]\w*\+?=/.test(first)) throw refused('it begins with an assignment; variables cannot be set');
  return [first, ...rest];
}

/**
 * The words as one line that every usual login shell (POSIX, csh, fish) takes apart into the same words, and into nothing else: what
 * quotes do not protect in all of them has a backslash outside of quotes.
 */
export function quoteWords(words: readonly string[]): string {
  return words.map((word) => (word === '' ? "''" : word.replace(/[^'\\!]+|['\\!]/g, quotePart))).join(' ');
}

const quotePart = (part: string): string => (/^['\\!]$/.test(part) ? `\\${part}` : `'${part}'`);

export function refused(reason: string): Problem {
  return new Problem(403, 'command_refused', `The command is refused: ${reason}.`);
}

function wordsOf(characters: readonly string[]): string[] {
  const words: string[] = [];
  let word: string | undefined;
  for (let at = 0; at < characters.length; at += 1) {
    const character = characters[at] as string;
    if (character === ' ') {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (character === "'" || character === '"') {
      const end = characters.indexOf(character, at + 1);
      if (end < 0) throw refused(`it has no second ${character}`);
      word = (word ?? '') + quoted(characters.slice(at + 1, end), character);
      at = end;
    } else if (character === '\\') {
      at += 1;
      if (at === characters.length) throw refused('it ends with a backslash');
      word = (word ?? '') + characters[at];
    } else {
      if (!PLAIN.test(character))
        throw refused(`a shell acts upon ${character}; there is none: quote it ('${character}') to mean it literally`);
      if (character === '=' && word === undefined) throw refused('a word begins with =; quote it to mean it literally');
      word = (word ?? '') + character;
    }
  }
  return word === undefined ? words : [...words, word];
}

function quoted(inner: readonly string[], quote: string): string {
  const active = quote === '"' ? inner.find((character) => ACTIVE_IN_DOUBLE.has(character)) : undefined;
  if (active !== undefined) throw refused(`a shell acts upon ${active} within double quotes; use single quotes`);
  return inner.join('');
}

const codeOf = (character: string): string => `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
