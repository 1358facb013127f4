import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { parseCommand, quoteWords } from '../../../functions/core/ssh/command-line.ts';

const REFUSED = { status: 403, code: 'command_refused' };

describe('a command line without a shell', () => {
  const taken: [string, string[]][] = [
    ['ls', ['ls']],
    ['  ls   -la  /var/log ', ['ls', '-la', '/var/log']],
    [`grep 'a b' "c d"`, ['grep', 'a b', 'c d']],
    [`echo 'it'"'"'s'`, ['echo', "it's"]],
    [`echo it\\'s a\\ b \\\\ \\$x \\;`, ['echo', "it's", 'a b', '\\', '$x', ';']],
    [
      `grep '$HOME; rm -rf / | x > y & z \`id\` # ! ~ * ? [a] {b} \\' f`,
      ['grep', '$HOME; rm -rf / | x > y & z `id` # ! ~ * ? [a] {b} \\', 'f'],
    ],
    [`cat "a;b|c&d" ''`, ['cat', 'a;b|c&d', '']],
    ['cat café/日本.txt', ['cat', 'café/日本.txt']],
    ['ls --sort=size a=b', ['ls', '--sort=size', 'a=b']],
    ['date +%Y-%m-%d', ['date', '+%Y-%m-%d']],
  ];
  for (const [line, words] of taken) it(`takes ${line}`, () => assert.deepEqual(parseCommand(line), words));

  const refused: [string, string][] = [
    ...[...';|&<>()$`*?[]{}~#!^'].flatMap((one): [string, string][] => [
      [`ls ${one}`, `${one} by itself`],
      [`ls a${one}b`, `${one} in a word`],
      [`${one}ls`, `${one} first`],
      [`ls 'a'${one}"b"`, `${one} between quotes`],
    ]),
    ...[...'$`\\!'].map((one): [string, string] => [`ls "a${one}b"`, `${one} in double quotes`]),
    ...['\n', '\r', '\0', '\t', '\v', '\x1b', '\x7f', '\x85', '\u2028', '\u202e', '\u200b', '\ud800'].flatMap(
      (one): [string, string][] => {
        const name = `U+${one.charCodeAt(0).toString(16)}`;
        return [`ls ${one}x`, `ls 'a${one}b'`, `ls "a${one}b"`, `ls \\${one}`].map((line, way) => [line, `${name}, way ${way}`]);
      },
    ),
    ['', 'nothing'],
    ['   ', 'spaces'],
    [`''`, 'an empty command'],
    [`ls 'a`, 'an open single quote'],
    [`ls "a`, 'an open double quote'],
    ['ls a\\', 'a backslash at the end'],
    ['-c ls', 'an option for a command'],
    ['PATH=/tmp ls', 'an assignment'],
    ['a+=b ls', 'an appending assignment'],
    ['ls =ls', 'a word that begins with ='],
    [`ls ${'a'.repeat(4_096)}`, 'more than 4,096 characters'],
    [`ls${' a'.repeat(200)}`, 'more than 200 words'],
  ];
  for (const [line, name] of refused) it(`refuses ${name}`, () => assert.throws(() => parseCommand(line), REFUSED));

  it('gives back what was quoted, whatever it is', () => {
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 8 }), (words) => {
        const line = quoteWords(['cat', ...words]);
        assert.deepEqual(parseCommand(line), ['cat', ...words]);
      }),
      { numRuns: 2_000 },
    );
  });
});

/** Everything that a word may hold. */
const word = fc
  .string({
    unit: fc.oneof(
      fc.constantFrom(...`'"\\$\`!;|&<>()*?[]{}~#^ =%-ntx\u00e9`),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
    ),
    maxLength: 12,
  })
  .filter((text) => !/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/u.test(text));

describe('the words of a command line in a login shell', function () {
  this.timeout(60_000);
  const PRINT = `process.stdout.write(JSON.stringify(process.argv.slice(1)))`;
  for (const shell of ['sh', 'bash', 'dash', 'zsh', 'busybox', 'fish', 'tcsh']) {
    it(`arrive as they were (${shell})`, function () {
      if (spawnSync(shell, ['-c', 'true']).error !== undefined) {
        console.log(`      DID NOT RUN: there is no ${shell} here.`);
        this.skip();
      }
      const all = fc.sample(fc.array(word, { minLength: 1, maxLength: 6 }), { numRuns: 300, seed: 7 }).flat();
      for (let at = 0; at < all.length; at += 100) {
        const words = all.slice(at, at + 100);
        const line = quoteWords([process.execPath, '-e', PRINT, '--', ...words]);
        const args = shell === 'busybox' ? ['sh', '-c', line] : ['-c', line];
        assert.deepEqual(JSON.parse(execFileSync(shell, args, { encoding: 'utf8' })), words);
      }
    });
  }
});
