/** JSON texts at the edges of the format: each a value in the place of which another would stand, or bytes that are no value at all. */

/** `value` is what the text means, as a double where it is a number; without it the text is to be refused as no JSON. */
export interface JsonText {
  readonly name: string;
  readonly bytes: Buffer<ArrayBuffer>;
  readonly value?: unknown;
}

const nested = (open: string, close: string, levels: number, inner = '') => open.repeat(levels) + inner + close.repeat(levels);

/** What RFC 8259 allows and every parser has to take. */
const ALLOWED: Readonly<Record<string, string>> = {
  'a number': '1',
  'a negative number': '-1',
  zero: '0',
  'a fraction': '0.5',
  'a fraction of many digits': `0.${'3'.repeat(400)}`,
  'an exponent': '1e2',
  'a capital exponent with a plus': '1E+2',
  'an exponent of zero': '0e0',
  'a negative exponent': '12.5e-3',
  'an exponent with zeros in front': '1e007',
  'the largest double': '1.7976931348623157e308',
  'the smallest double': '5e-324',
  'the largest exact whole number': '9007199254740991',
  'an empty text': '""',
  'a text of spaces': '"   "',
  'all short escapes': '"\\"\\\\\\/\\b\\f\\n\\r\\t"',
  'an escaped NUL': '"a\\u0000b"',
  'escaped control characters': '"\\u0001\\u001f\\u007f\\u0080\\u009f"',
  'a surrogate pair as escapes': '"\\ud83d\\ude00"',
  'the same with mixed capitals': '"\\uD83d\\uDe00"',
  'the same unescaped': '"😀"',
  'line separators, unescaped': '"\u2028\u2029"',
  'a byte order mark within a text': '"\\ufeff\ufeff"',
  noncharacters: '"\ufffe\uffff\u{10ffff}\\ufdd0"',
  'the delete character, unescaped': '"\u007f"',
  'a text of C1 controls, unescaped': '"\u0080\u0085\u009f"',
  'an escape that spells a quote': '"\\u0022,\\u0022b\\u0022:1"',
  'a text that is JSON': JSON.stringify('{"a":[1,"b"]}'),
  'a long text': JSON.stringify('x'.repeat(200_000)),
  'a long text of emojis': JSON.stringify('👩‍👩‍👧'.repeat(5_000)),
  'an empty list': '[]',
  'an empty object': '{}',
  'an empty key': '{"":0}',
  'keys of every object': '{"constructor":1,"toString":2,"hasOwnProperty":3,"valueOf":4,"length":5}',
  'a prototype by name, within': '{"__proto__":{"polluted":true},"a":{"__proto__":null}}',
  'a constructor with a prototype': '{"constructor":{"prototype":{"polluted":true}}}',
  'keys that look like places': '{"0":0,"-1":1,"1e3":2,"01":3}',
  'keys of a document store': '{"$ne":null,"a.b":1,"`a`":2,"__name__":3,"a/b":4,"[0]":5}',
  'a key with a NUL': '{"a\\u0000b":1}',
  'keys alike but for their form': '{"é":1,"e\u0301":2}',
  'a long key': `{${JSON.stringify('k'.repeat(2_000))}:1}`,
  'ten thousand keys': `{${Array.from({ length: 10_000 }, (_, n) => `"k${n}":${n}`).join()}}`,
  'a long list': `[${Array.from({ length: 20_000 }, (_, n) => n).join()}]`,
  'lists, 90 levels': nested('[', ']', 90, '1'),
  'objects, 90 levels': nested('{"a":', '}', 90, '1'),
  'white space of all four kinds': ' \t\r\n[ \t\r\n1 \t\r\n, \t\r\n{ \t\r\n"a" \t\r\n: \t\r\n2 \t\r\n} \t\r\n] \t\r\n',
  true: 'true',
  null: 'null',
};

/** What RFC 8259 leaves to the parser, and what ours makes of it. */
const LEFT_TO_US: readonly (readonly [name: string, text: string, value: unknown])[] = [
  ['minus zero, which is zero', '-0', 0],
  ['minus zero as a fraction', '-0.0e5', 0],
  ['what is too small for a double, which is zero', '1e-400', 0],
  ['a whole number beyond the exact ones, as the nearest double', '9007199254740993', 9_007_199_254_740_992],
  ['a whole number of a hundred digits, as the nearest double', '1'.padEnd(100, '0'), 1e99],
  ['half a surrogate pair', '"\\ud800"', '\ud800'],
  ['a pair the wrong way round', '"\\ude00\\ud83d"', '\ude00\ud83d'],
  ['half a pair in a key', '{"\\udfff":1}', { '\udfff': 1 }],
  ['a key twice, of which the last stands', '{"a":1,"b":2,"a":3}', { a: 3, b: 2 }],
  ['a key twice by its escape', '{"a":1,"\\u0061":3}', { a: 3 }],
];

const FORBIDDEN: Readonly<Record<string, string>> = {
  nothing: '',
  'white space alone': ' \n\t ',
  'a comma at the end of a list': '[1,]',
  'a comma at the end of an object': '{"a":1,}',
  'a comma alone': '[,]',
  'two commas': '[1,,2]',
  'no comma': '[1 2]',
  'a colon in a list': '["a":1]',
  'no value': '{"a":}',
  'no colon': '{"a" 1}',
  'a key without quotes': '{a:1}',
  'a key that is a number': '{1:1}',
  'single quotes': "['a']",
  'a comment': '[1/* one */]',
  'a comment to the end of the line': '[1] // one',
  'a hash comment': '# one\n[1]',
  'a zero in front': '01',
  'a minus and a zero in front': '-01',
  'a plus in front': '+1',
  'a point in front': '.5',
  'a point at the end': '1.',
  'no digits after the exponent': '1e',
  'two exponents': '1e1e1',
  'a fraction in the exponent': '1e1.5',
  'a minus alone': '-',
  'two minuses': '--1',
  'a hexadecimal number': '0x10',
  'an octal number': '0o7',
  'underscores in a number': '1_000',
  'a big integer': '1n',
  'full-width digits': '１',
  NaN: 'NaN',
  Infinity: 'Infinity',
  'minus infinity': '-Infinity',
  undefined: 'undefined',
  'capitals in true': 'True',
  'half of null': 'nul',
  'true and more': 'truex',
  'an unknown escape': '"\\x41"',
  'an escaped apostrophe': '"\\\'"',
  'a short escape': '"\\u12"',
  'an escape that is no hexadecimal': '"\\u12g4"',
  'a capital escape': '"\\U0041"',
  'a backslash at the end': '"\\"',
  'a line feed in a text': '"a\nb"',
  'a tab in a text': '"a\tb"',
  'a NUL in a text': '"a\0b"',
  'a NUL behind the value': '1\0',
  'a text without an end': '"abc',
  'a list without an end': '[1,2',
  'an object without an end': '{"a":1',
  'an end without a list': ']',
  'the wrong end': '[1}',
  'two values': '1 2',
  'two objects': '{}{}',
  'a form feed as white space': '\f1',
  'a no-break space as white space': '\u00a01',
  'a line separator as white space': '\u20281',
  'a byte order mark in the middle': '[\ufeff1]',
  'typographic quotes': '“a”',
  'a hundred thousand beginnings of lists': '['.repeat(100_000),
  'a hundred thousand beginnings of objects': '{"a":'.repeat(100_000),
  XML: '<a>1</a>',
  'a function': '(function(){})()',
};

/** No UTF-8: within quotes, but for the last three. */
const BAD_BYTES: Readonly<Record<string, readonly number[]>> = {
  'a continuation byte alone': [0x22, 0x80, 0x22],
  'a byte that no character has': [0x22, 0xff, 0x22],
  'a slash in two bytes': [0x22, 0xc0, 0xaf, 0x22],
  'a NUL in two bytes': [0x22, 0xc0, 0x80, 0x22],
  'a surrogate in three bytes': [0x22, 0xed, 0xa0, 0x80, 0x22],
  'a pair of surrogates in six bytes': [0x22, 0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80, 0x22],
  'a character beyond the last': [0x22, 0xf4, 0x90, 0x80, 0x80, 0x22],
  'five bytes': [0x22, 0xf8, 0x88, 0x80, 0x80, 0x80, 0x22],
  'half a character': [0x22, 0xe2, 0x82, 0x22],
  'a letter of Latin-1': [0x22, 0xe9, 0x22],
  'UTF-16, little end first': [0xff, 0xfe, 0x31, 0x00],
  'UTF-16 without a mark': [0x00, 0x31],
  'a mark of UTF-32': [0x00, 0x00, 0xfe, 0xff, 0x31],
};

/** Numbers that no double holds: JSON's own `null` would be stored for them. */
export const NO_DOUBLES: readonly string[] = ['1e400', '-1e400', '1e99999999', `${'9'.repeat(400)}`];

export const goodTexts: readonly JsonText[] = [
  ...Object.entries(ALLOWED).map(([name, text]) => ({ name, bytes: Buffer.from(text), value: JSON.parse(text) as unknown })),
  ...LEFT_TO_US.map(([name, text, value]) => ({ name, bytes: Buffer.from(text), value })),
];

export const badTexts: readonly JsonText[] = [
  ...Object.entries(FORBIDDEN).map(([name, text]) => ({ name, bytes: Buffer.from(text) })),
  ...Object.entries(BAD_BYTES).map(([name, bytes]) => ({ name, bytes: Buffer.from(bytes) })),
];

/** Lists within lists, with a number at the bottom. */
export const deepText = (levels: number): string => nested('[', ']', levels, '1');
