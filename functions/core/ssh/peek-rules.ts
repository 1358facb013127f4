/** The commands of `ssh.exec.peek`: those of row O12, with the arguments under which each only reads and comes to an end. */

import { parseCommand, refused } from './command-line.ts';
import { checkFind } from './find-arguments.ts';
import { type ArgumentRules, checkArguments } from './options.ts';

/** Any operand. `-` is the input, which is empty. */
const ANY = /^/;
/** A value that no command can take for an option. */
const TEXT = /^(?!-)./s;
const NUMBER = /^\d{1,9}$/;
const AMOUNT = /^[+-]?\d{1,12}(?:b|[kKMGTPE](?:i?B)?)?$/;
const BLOCK = /^(?:\d{0,9}(?:[kKMGTPE](?:i?B)?)?|human-readable|si)$/;
const NAMES = /^[\w.,@-]{1,200}$/;
const IDS = /^\d{1,10}(?:,\d{1,10}){0,50}$/;
const COLOR = /^(?:never|always|auto)$/;
/** No column shows an environment, where secrets are. */
const COLUMN = `(?:${[
  ...['pid', 'ppid', 'pgid', 'sid', 'uid', 'gid', 'user', 'ruser', 'euser', 'group', 'comm', 'args', 'cmd', 'command', 'etimes?'],
  ...[
    'cputime',
    'time',
    'lstart',
    'start',
    'start_time',
    'stime',
    'pcpu',
    'pmem',
    '%cpu',
    '%mem',
    'rss',
    'vsz',
    'sz',
    'stat',
    'state',
  ],
  ...['s', 'tty', 'tname', 'nice', 'ni', 'pri', 'psr', 'nlwp', 'lwp', 'wchan', 'cls', 'c'],
].join('|')})`;
const COLUMNS = new RegExp(`^${COLUMN}=?(?:,${COLUMN}=?)*$`);
const SORT = /^[+-]?[a-z_%]{1,20}(?:,[+-]?[a-z_%]{1,20})*$/;

const names = (...lines: string[]): string => lines.join(' ');

const linesOrBytes = { flags: 'qvz', valued: { n: AMOUNT, c: AMOUNT }, count: true, long: 'quiet silent verbose zero-terminated' };

const RULES: Readonly<Record<string, ArgumentRules>> = {
  ls: {
    flags: 'aAbBcCdfFgGhHiklLmnNopqQrRsStuUvxX1Z',
    long: names(
      'all almost-all author classify directory file-type full-time group-directories-first human-readable inode literal',
      'no-group numeric-uid-gid quote-name recursive reverse si size',
    ),
    longValued: { sort: /^[a-z]+$/, time: /^[a-z]+$/, 'time-style': /^[a-z-]+$/, 'block-size': BLOCK, format: /^[a-z-]+$/ },
    longOptional: { color: COLOR },
    operand: ANY,
  },
  cat: {
    flags: 'AbeEnstTuv',
    long: 'number number-nonblank show-all show-ends show-nonprinting show-tabs squeeze-blank',
    operand: ANY,
  },
  head: { ...linesOrBytes, longValued: { lines: AMOUNT, bytes: AMOUNT }, operand: ANY },
  // An operand that begins with a plus may be an old way to write -f.
  tail: { ...linesOrBytes, longValued: { lines: AMOUNT, bytes: AMOUNT }, operand: /^(?!\+)/ },
  grep: {
    flags: 'EFGivwxycLloqsbHhnTZaIrRUz',
    valued: { e: TEXT, A: NUMBER, B: NUMBER, C: NUMBER, m: NUMBER },
    count: true,
    long: names(
      'basic-regexp byte-offset count dereference-recursive extended-regexp files-with-matches files-without-match fixed-strings',
      'ignore-case initial-tab invert-match line-number line-regexp no-filename no-ignore-case no-messages null null-data',
      'only-matching quiet recursive silent text with-filename word-regexp',
    ),
    longValued: {
      ...{ regexp: TEXT, include: TEXT, exclude: TEXT, 'exclude-dir': TEXT, 'max-count': NUMBER },
      ...{ 'after-context': NUMBER, 'before-context': NUMBER, context: NUMBER, 'binary-files': /^(?:binary|text|without-match)$/ },
    },
    longOptional: { color: COLOR, colour: COLOR },
    operand: ANY,
  },
  ps: {
    flags: 'AadefFHjlLNTwy',
    valued: { p: IDS, q: IDS, u: IDS, U: IDS, G: IDS, o: COLUMNS },
    long: 'forest headers no-headers',
    longValued: {
      ...{ pid: IDS, ppid: IDS, 'quick-pid': IDS, user: NAMES, User: NAMES, group: NAMES },
      ...{ format: COLUMNS, sort: SORT, cols: NUMBER, columns: NUMBER },
    },
    // As BSD writes it, without the `e` that shows environments, where secrets are. `ps` reads all again in that way once it has
    // found an error in what has hyphens: beside a value that may be one, `-e` would be that `e`.
    operand: /^[aufjlrTvwx]{1,8}$/,
    mostOperands: 1,
    plain: 'e',
  },
  top: {
    flags: 'bcHiS',
    valued: { n: /^[1-9]$/, d: /^\d{1,2}(?:\.\d{1,3})?$/, p: IDS, u: NAMES, U: NAMES, o: /^[+-]?[%A-Za-z]{1,20}$/, w: NUMBER },
    required: 'bn',
  },
  df: {
    flags: 'ahHiklmPT',
    valued: { t: NAMES, x: NAMES, B: BLOCK },
    long: 'all human-readable si inodes local portability print-type total no-sync',
    longValued: { type: NAMES, 'exclude-type': NAMES, 'block-size': BLOCK },
    longOptional: { output: /^[a-z]+(?:,[a-z]+)*$/ },
    operand: ANY,
  },
  du: {
    flags: 'abcDhHklLmPsSx0',
    valued: { d: NUMBER, t: AMOUNT, B: BLOCK },
    long: names(
      'all apparent-size bytes count-links dereference human-readable inodes no-dereference null one-file-system separate-dirs si',
      'summarize total',
    ),
    longValued: { 'max-depth': NUMBER, threshold: AMOUNT, 'block-size': BLOCK, exclude: TEXT },
    operand: ANY,
  },
  free: { flags: 'bghklmtw', long: 'bytes kibi mebi gibi tebi kilo mega giga human lohi si total wide' },
  uptime: { flags: 'ps', long: 'pretty since' },
  whoami: {},
  // Its operand would be a new name.
  hostname: { flags: 'AdfiIsy', long: 'alias all-fqdns all-ip-addresses domain fqdn ip-address long short' },
  // Its operand would be a new time, were it not a format.
  date: {
    flags: 'uRI',
    long: 'utc universal rfc-email',
    longValued: { date: TEXT, 'rfc-3339': /^(?:date|seconds|ns)$/, reference: TEXT },
    longOptional: { 'iso-8601': /^(?:date|hours|minutes|seconds|ns)$/ },
    operand: /^\+/,
    mostOperands: 1,
  },
  pwd: { flags: 'LP' },
};

/** The commands that `ssh.exec.peek` runs. */
export const PEEK_COMMANDS: readonly string[] = [...Object.keys(RULES), 'find'].sort();

/** The words of a command that only reads. Throws `Problem` 403 `command_refused`, which says what is allowed. */
export function parsePeek(line: string): readonly [string, ...string[]] {
  const [command, ...words] = parseCommand(line);
  if (command === 'find') checkFind(words);
  else if (Object.hasOwn(RULES, command)) checkArguments(command, words, RULES[command] as ArgumentRules);
  else throw refused(`${JSON.stringify(command.slice(0, 100))} is none of ${PEEK_COMMANDS.join(', ')}`);
  return [command, ...words];
}
