import assert from 'node:assert/strict';
import { Problem } from '../../functions/core/errors.ts';
import { compileFilter } from '../../functions/core/subscription-filter.ts';
import { topology } from '../../functions/topology.ts';

type Attributes = Record<string, string>;

/** Filter, attributes that it admits, attributes that it does not. */
const ROWS: [filter: string | undefined, admitted: Attributes[], refused: Attributes[]][] = [
  [undefined, [{}, { a: '1' }], []],
  ['', [{}], []],
  ['attributes:direct', [{ direct: '' }, { direct: 'x' }], [{}, { Direct: 'x' }]],
  ['NOT attributes:direct', [{}], [{ direct: '' }]],
  ['-attributes:direct', [{}], [{ direct: '' }]],
  ['NOT NOT attributes:a', [{ a: '' }], [{}]],
  ['attributes.agent="codex"', [{ agent: 'codex' }], [{}, { agent: 'Codex' }, { agent: 'codex ' }]],
  ["attributes.agent = 'codex'", [{ agent: 'codex' }], [{ agent: 'light' }]],
  ['attributes.agent != "codex"', [{}, { agent: 'light' }], [{ agent: 'codex' }]],
  ['hasPrefix(attributes.agent, "co")', [{ agent: 'codex' }, { agent: 'co' }], [{}, { agent: 'c' }, { agent: 'xco' }]],
  ['NOT hasPrefix ( attributes.agent , "co" )', [{}, { agent: 'light' }], [{ agent: 'codex' }]],
  ['attributes."iana.org/lang" = "en"', [{ 'iana.org/lang': 'en' }], [{ iana: 'en' }]],
  ['attributes:"a b"', [{ 'a b': '' }], [{ a: 'b' }]],
  ['attributes.event-type="x" AND attributes:b', [{ 'event-type': 'x', b: '' }], [{ 'event-type': 'x' }, { b: '' }]],
  ['attributes:a OR attributes:b OR attributes:c', [{ a: '' }, { c: '' }], [{}, { d: '' }]],
  ['attributes:a AND (attributes:b OR NOT attributes:c)', [{ a: '', b: '', c: '' }, { a: '' }], [{ a: '', c: '' }, { b: '' }]],
  ['(attributes:a AND attributes:b) OR attributes:c', [{ a: '', b: '' }, { c: '' }], [{ a: '' }, { b: '' }]],
  ['NOT (attributes:a OR attributes:b)', [{}], [{ a: '' }, { b: '' }]],
  ['NOT attributes:a AND attributes:b', [{ b: '' }], [{ a: '', b: '' }, {}]],
  ['attributes:NOT', [{ NOT: '' }], [{}]],
  ['attributes.attributes="hasPrefix"', [{ attributes: 'hasPrefix' }], [{}]],
  ['attributes.q="say \\"hi\\" \\\\ \\u00e9 \\x41 \\101 \\n"', [{ q: 'say "hi" \\ é A A \n' }], [{ q: 'say' }]],
  ['attributes:constructor', [{ constructor: '' }], [{}]],
  ['attributes.toString != "x"', [{}], [{ toString: 'x' } as unknown as Attributes]],
  ['\n\tattributes:a\r\n', [{ a: '' }], [{}]],
];

const MISTAKES: [filter: string, position: number][] = [
  ['attributes:a AND attributes:b OR attributes:c', 31],
  ['attributes:a OR attributes:b AND attributes:c', 30],
  ['attributes', 11],
  ['attributes:', 12],
  ['attributes.a', 13],
  ['attributes.a = b', 16],
  ['attributes.a == "b"', 15],
  ['attributes.a = "b', 16],
  ['attributes.a < "b"', 14],
  ['attributes.a = "\\q"', 16],
  ['data = "x"', 1],
  ['(attributes:a', 14],
  ['attributes:a)', 13],
  ['attributes:a attributes:b', 14],
  ['attributes:a and attributes:b', 14],
  ['AND attributes:a', 1],
  ['NOT', 4],
  ['hasPrefix(attributes:a, "x")', 21],
  ['hasPrefix(attributes.a)', 23],
  ['   ', 4],
];

describe('subscription filter', () => {
  for (const [filter, admitted, refused] of ROWS) {
    it(`reads ${JSON.stringify(filter)}`, () => {
      const admits = compileFilter(filter);
      for (const attributes of admitted) assert.equal(admits(attributes), true, JSON.stringify(attributes));
      for (const attributes of refused) assert.equal(admits(attributes), false, JSON.stringify(attributes));
    });
  }

  for (const [filter, position] of MISTAKES) {
    it(`refuses ${JSON.stringify(filter)} at ${position}`, () => {
      assert.throws(
        () => compileFilter(filter),
        (error) =>
          error instanceof Problem && error.code === 'invalid_filter' && new RegExp(`position ${position}\\b`).test(error.message),
      );
    });
  }

  it('refuses more than 256 bytes', () => {
    const longest = `attributes.a="${'x'.repeat(241)}"`;
    assert.equal(longest.length, 256);
    compileFilter(longest);
    assert.throws(() => compileFilter(longest.replace('x', 'é')), { code: 'invalid_filter' });
  });

  it('reads every filter of the topology', () => {
    for (const row of Object.values(topology.subscriptions)) compileFilter(row.filter);
  });
});
