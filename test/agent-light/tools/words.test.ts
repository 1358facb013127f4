import assert from 'node:assert/strict';
import { ranked } from '../../../functions/agent-light/memory/rank.ts';
import { countedWords, countsIn, wordsOf } from '../../../functions/agent-light/memory/words.ts';

describe('the words of a text', () => {
  for (const [text, words] of [
    ['The Eiffel Tower is in Paris', 'the eiffel tower is in paris'],
    ["server.example.com can't foo_bar 3.14", 'server example com can t foo bar 3 14'],
    ['ＦＵＬＬ ﬁle Ⅳ', 'full file iv'],
    ['cafe\u0301 CAFÉ', 'café café'],
    ['ТОКИО ΑΘΉΝΑ', 'токио αθήνα'],
    ['برج إيفل', 'برج إيفل'],
    ['हिन्दी भाषा', 'हिन्दी भाषा'],
    ['ฉันรักภาษาไทย', 'ฉัน รัก ภาษา ไทย'],
    ['파리의 탑', '파리의 탑'],
    ['東京タワー', '東 京 東京 タ 京タ ワ タワ ー ワー'],
    ['!? … 🗼', ''],
    ['', ''],
  ] as const) {
    it(`of ${JSON.stringify(text)} are ${words || 'none'}`, () => assert.equal(wordsOf(text).join(' '), words));
  }

  it('are cut at 64 characters, not within one', () => {
    assert.deepEqual(wordsOf('𐐨'.repeat(100)), ['𐐨'.repeat(64)]);
  });

  it('of the largest text take less than a second, in any script', () => {
    const started = Date.now();
    for (const unit of ['The Eiffel Tower. ', 'ฉันรักภาษาไทย', '东京在日本', 'a', 'ﷺ', '\u0301', '1.', "a'"]) {
      wordsOf(unit.repeat(Math.ceil(65_536 / Buffer.byteLength(unit))));
    }
    assert.ok(Date.now() - started < 2_000, `${Date.now() - started} ms`);
  });

  it('are counted, and found again by whole words alone', () => {
    const counted = countedWords(wordsOf('one two 1 one 2 two one'), 1_000);
    assert.equal(counted, 'one 3 two 2 1 1 2 1');
    const wanted = new Map(['two', '1', 'on', '2', '3', 'constructor'].map((word, place) => [word, place]));
    assert.deepEqual(countsIn(counted, wanted), [2, 1, 0, 1, 0, 0]);
    assert.deepEqual(countsIn('', wanted), [0, 0, 0, 0, 0, 0]);
  });

  it('are counted up to so many bytes, whole ones', () => {
    assert.equal(countedWords(['ああ', 'b', 'c'], 13), 'ああ 1 b 1');
    assert.equal(countedWords(['ああ', 'b'], 12), 'ああ 1');
  });
});

describe('ranking', () => {
  const order = (found: { name: string; counts: number[]; length: number }[], holding: number[], texts = 10) =>
    ranked(found, { texts, totalLength: texts * 10, holding }, (a, b) => (a.name < b.name ? -1 : 1)).map(({ one }) => one.name);

  it('puts what is rarer, what occurs more often, and what is said in fewer words first', () => {
    const rare = { name: 'rare', counts: [0, 1], length: 10 };
    const common = { name: 'common', counts: [1, 0], length: 10 };
    assert.deepEqual(order([common, rare], [8, 1]), ['rare', 'common']);
    assert.deepEqual(
      order(
        [
          { ...common, name: 'once' },
          { name: 'thrice', counts: [3, 0], length: 10 },
        ],
        [8, 0],
      ),
      ['thrice', 'once'],
    );
    assert.deepEqual(
      order(
        [
          { ...common, name: 'long', length: 90 },
          { ...common, name: 'short', length: 4 },
        ],
        [2, 0],
      ),
      ['short', 'long'],
    );
    assert.deepEqual(
      order(
        [
          { ...common, name: 'b' },
          { ...common, name: 'a' },
        ],
        [2, 0],
      ),
      ['a', 'b'],
    );
  });

  it('gives the scores of the formula, above nothing for a word that all texts hold', () => {
    const [{ score } = { score: 0 }] = ranked([{ counts: [2], length: 5 }], { texts: 4, totalLength: 40, holding: [1] }, () => 0);
    const expected = (Math.log(1 + 3.5 / 1.5) * 2 * 2.2) / (2 + 1.2 * (0.25 + (0.75 * 5) / 10));
    assert.ok(Math.abs(score - expected) < 1e-12, `${score}`);
    assert.ok((ranked([{ counts: [1], length: 5 }], { texts: 4, totalLength: 20, holding: [4] }, () => 0)[0]?.score ?? 0) > 0);
  });
});
