/** Which options and operands a command may have, and whether its arguments are such. Read as GNU's getopt reads them. */

import { refused } from './command-line.ts';

/** What is not listed is refused: long options cannot be shortened. */
export interface ArgumentRules {
  /** Letters of options without a value, which may stand together behind one hyphen. */
  readonly flags?: string;
  /** Letters of options with a value, in the same word or the next one. */
  readonly valued?: Readonly<Record<string, RegExp>>;
  /** Names of options without a value, with spaces between. */
  readonly long?: string;
  /** Names of options with a value behind `=`, or in the next word. */
  readonly longValued?: Readonly<Record<string, RegExp>>;
  /** Names of options whose value, behind `=`, may be absent. */
  readonly longOptional?: Readonly<Record<string, RegExp>>;
  /** `-20`, for a number of lines. */
  readonly count?: boolean;
  /** What every operand matches; without it there are none. */
  readonly operand?: RegExp;
  readonly mostOperands?: number;
  /** Letters that have to be there. */
  readonly required?: string;
  /** Letters beside which there is nothing with a value, and no operand. */
  readonly plain?: string;
}

/** Throws `Problem` 403 `command_refused`, which says what the command takes. */
export function checkArguments(command: string, words: readonly string[], rules: ArgumentRules): void {
  const deny = (word: string): never => {
    throw refused(`${command} may not have ${JSON.stringify(word)} here; it takes ${describe(rules)}`);
  };
  const long = new Set(rules.long?.split(' '));
  const seen = new Set<string>();
  let operands = 0;
  let values = 0;
  let areOptions = true;

  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] as string;
    if (areOptions && word === '--') areOptions = false;
    else if (areOptions && word.startsWith('--')) at += longOption(word, words[at + 1]);
    else if (areOptions && /^-./s.test(word)) at += rules.count && /^-\d{1,9}$/.test(word) ? 0 : cluster(word, words[at + 1]);
    else operand(word);
  }
  const missing = [...(rules.required ?? '')].find((letter) => !seen.has(letter));
  if (missing !== undefined) throw refused(`${command} needs -${missing}: it may not wait for a terminal`);

  const plain = [...(rules.plain ?? '')].find((letter) => seen.has(letter));
  if (plain !== undefined && operands + values > 0)
    throw refused(`${command} has -${plain} with nothing that takes a value beside it`);

  function operand(word: string): void {
    operands += 1;
    if (!rules.operand?.test(word) || operands > (rules.mostOperands ?? Infinity)) deny(word);
  }

  /** How many further words it takes. */
  function cluster(word: string, next: string | undefined): 0 | 1 {
    const letters = [...word.slice(1)];
    for (const [index, letter] of letters.entries()) {
      seen.add(letter);
      const value = own(rules.valued, letter);
      if (value !== undefined) return taken(word, letters.slice(index + 1).join('') || undefined, next, value);
      if (!rules.flags?.includes(letter)) deny(word);
    }
    return 0;
  }

  function longOption(word: string, next: string | undefined): 0 | 1 {
    const [, name = '', given] = /^--([^=]*)(?:=(.*))?$/s.exec(word) ?? [];
    if (given === undefined && (long.has(name) || own(rules.longOptional, name) !== undefined)) return 0;
    const optional = own(rules.longOptional, name);
    if (optional !== undefined) return optional.test(given ?? '') ? 0 : deny(word);
    const value = own(rules.longValued, name);
    return value === undefined ? deny(word) : taken(word, given, next, value);
  }

  function taken(word: string, given: string | undefined, next: string | undefined, value: RegExp): 0 | 1 {
    values += 1;
    if (!value.test(given ?? next ?? '')) deny(given === undefined && next !== undefined ? `${word} ${next}` : word);
    return given === undefined ? 1 : 0;
  }
}

const own = <T>(table: Readonly<Record<string, T>> | undefined, name: string): T | undefined =>
  table !== undefined && Object.hasOwn(table, name) ? table[name] : undefined;

function describe(rules: ArgumentRules): string {
  const { flags = '', valued = {}, long, longValued = {}, longOptional = {}, count, operand } = rules;
  const options = [
    ...[...flags].map((letter) => `-${letter}`),
    ...Object.keys(valued).map((letter) => `-${letter} value`),
    ...(long?.split(' ') ?? []).map((name) => `--${name}`),
    ...Object.keys(longOptional).map((name) => `--${name}[=value]`),
    ...Object.keys(longValued).map((name) => `--${name}=value`),
    ...(count ? ['-number'] : []),
  ];
  const taken = [options.length > 0 ? options.join(' ') : 'no options', operand === undefined ? 'no operands' : 'operands'];
  return taken.join(', and ');
}
