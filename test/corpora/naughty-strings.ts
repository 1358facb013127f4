/** Texts that have broken other systems, by what they try. Each is to come back as it was sent, or to be refused by name. */

import { naughtyStrings as few } from '../core/bad-packets.ts';

/** Parted by a broken bar, which none of them has. */
const parted = (text: string): string[] => text.trim().split(/\s*¦\s*/);

const VALUES_OF_OTHER_TYPES = parted(`
  undefined ¦ undef ¦ null ¦ NULL ¦ (null) ¦ nil ¦ None ¦ NaN ¦ Infinity ¦ -Infinity ¦ true ¦ false ¦ True ¦ 0 ¦ 1 ¦ -1 ¦ -0 ¦ +0 ¦ 0.0 ¦ 1.00
  ¦ 1/2 ¦ 1e2 ¦ 1E+02 ¦ 0x0 ¦ 0xffffffff ¦ 0b1 ¦ 123456789012345678901234567890 ¦ 1,000.00 ¦ 1.000,00 ¦ --1 ¦ ∞ ¦ ½ ¦ ٣ ¦ １２３ ¦ 2147483648
  ¦ -2147483649 ¦ 9223372036854775808 ¦ [] ¦ {} ¦ [object Object] ¦ function () {} ¦ 1970-01-01T00:00:00Z ¦ ""`);

const NAMES_OF_OUR_OWN = parted(`
  __proto__ ¦ constructor ¦ prototype ¦ toString ¦ hasOwnProperty ¦ valueOf ¦ __defineGetter__ ¦ length ¦ then ¦ $where ¦ $gt ¦ $set ¦ id ¦ tasks
  ¦ state ¦ tenant ¦ default ¦ version ¦ epoch ¦ adopt ¦ events ¦ cancel ¦ light ¦ codex ¦ __name__ ¦ __id__ ¦ __all__ ¦ agent:light ¦ task:x`);

const PATHS = parted(String.raw`
  . ¦ .. ¦ / ¦ // ¦ \ ¦ ./ ¦ ../ ¦ ../../../../etc/passwd ¦ ..\..\windows\system32 ¦ /dev/null ¦ C:\ ¦ CON ¦ NUL ¦ aux.txt ¦ a/b ¦ a//b ¦ /a ¦ a/
  ¦ %2e%2e%2f ¦ ..%2f ¦ ..%c0%af ¦ %00 ¦ a%00b ¦ % ¦ %zz ¦ %u0041 ¦ file:///etc/passwd ¦ gs://uploads/x ¦ ~root ¦ .git/config ¦ tasks/x
  ¦ projects/p/databases/d/documents/tasks/x ¦ task?id=1 ¦ task#1 ¦ task;id=1 ¦ a&b=c ¦ a+b ¦ *`);

const CODE = parted(String.raw`
  ' ¦ '' ¦ " ¦ ' OR 1=1 -- ¦ '; DROP TABLE tasks; -- ¦ 1; DELETE FROM tasks ¦ \'; -- ¦ x' AND 1=(SELECT COUNT(*) FROM tasks); -- ¦ % ¦ _ ¦ a%b_c
  ¦ $(touch x) ¦ | cat ¦ ; ls ¦ && ls ¦ > x ¦ $HOME ¦ $ENV{HOME} ¦ %d%s%n%x ¦ %*.*s ¦ %p ¦ {{7*7}} ¦ <%= 7*7 %> ¦ #{7*7} ¦ {0} ¦ @@version
  ¦ {{constructor.constructor("x")()}} ¦ =1+1 ¦ +1+1 ¦ @SUM(1) ¦ \0 ¦ \x41 ¦ \u0041 ¦ (a+)+$ ¦ [[:alpha:]] ¦ .*.*.*.*x`);

const MARKUP = parted(String.raw`
  <script>alert(1)</script> ¦ "><img src=x onerror=alert(1)> ¦ javascript:alert(1) ¦ <!-- ¦ --> ¦ ]]> ¦ <?xml version="1.0"?> ¦ &lt; ¦ &#0; ¦ </b>
  ¦ <!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x> ¦ <svg/onload=1> ¦ \u003cscript\u003e ¦ "},"a":{"b":" ¦ ","status":"dead`);

const HEADS_AND_FRAMES = [
  ...['a\r\nset-cookie: x=1', 'a\nb', 'a\rb', '\r\n\r\n', '\nid: 1\n', ': comment\n\n', 'retry: 0\n', 'chunked\r\n0\r\n\r\n'],
  ...[
    'data: {}\n\nevent: end\ndata: {}\n\n',
    '\u000bx\u000c',
    'x\u0085y\u2028z\u2029',
    'HTTP/1.1 200 OK',
    'Bearer x',
    'a,b',
    'a: b',
  ],
];

const LINES_OF_A_LOG = [
  ...['{"severity":"EMERGENCY","message":"forged"}', '\n{"severity":"EMERGENCY","message":"forged"}\n', '\r{"a":1}', '\0{"a":1}'],
  ...[
    '\u001b[2J\u001b[31mred\u001b[0m',
    '\u001b]0;title\u0007',
    '\b\b\b\b',
    '\u009b31m',
    '","severity":"EMERGENCY","x":"',
    '\u2028{"a":1}',
  ],
];

const CONTROL_CHARACTERS = [
  ...Array.from({ length: 32 }, (_, code) => `a${String.fromCharCode(code)}b`),
  ...['\u007f', '\u0080', '\u0085', '\u009f', '\0', '\0\0\0', 'a\0', '\0a'],
];

const UNICODE = [
  ...parted(
    `é ¦ ﬁ ¦ ß ¦ ẞ ¦ ı ¦ İ ¦ ǅ ¦ Σς ¦ K ¦ Å ¦ ﷺ ¦ 가 ¦ 田中さんにあげて下さい ¦ 𠜎𠜱𠝹 ¦ ᚠᛇᚻ ¦ 𓀀 ¦ ไทย ¦ हिन्दी ¦ தமிழ் ¦ 𝕳𝖊𝖑𝖑𝖔 ¦ Ｈｅｌｌｏ ¦ ʇxǝʇ ¦ שלום ¦ مرحبا بالعالم`,
  ),
  ...parted('😀 ¦ 👩‍👩‍👧‍👦 ¦ 🏳️‍🌈 ¦ 🇦🇶 ¦ 👍🏿 ¦ 1️⃣ ¦ 🧟‍♂️'),
  ...[
    '\ufeff',
    'a\ufeffb',
    '\ufffe',
    '\uffff',
    '\u{1fffe}',
    '\u{10ffff}',
    '\ufdd0',
    '\ufffd',
    '\ue000',
    '\u{f0000}',
    '\u{e0061}\u{e007f}',
  ],
  ...[
    '\u200b',
    '\u200c\u200d',
    '\u2060',
    '\u00ad',
    '\u180e',
    '\u3164',
    '\u115f',
    '\u00a0',
    '\u2000\u202f\u3000',
    '\ufe0f',
    '\u034f',
  ],
  ...['e\u0301', '\u212b', '\u0301', `a${'\u0301'.repeat(199)}`, '\u1112\u1161\u11ab', '😀'.repeat(80)],
  ...['\u202etxet\u202c', '\u202d\u202e\u202c', '\u2066\u2067\u2068\u2069', '\u200e\u200f\u061c', 'a\u202eb/c\u202cd'],
  ...['\ud800', '\udfff', '\udc00\ud800', 'a\ud83d', '\ude00b', '\ud83d\ud83d\ude00'],
];

const LENGTHS = [
  ...['', ' ', '   ', '\t', '\n', ' a', 'a ', ' a b '],
  ...[63, 64, 200, 201, 500, 501, 1_024].flatMap((length) => ['x'.repeat(length), 'é'.repeat(length)]),
];

const DOLLAR = '$';
const ALL = [
  VALUES_OF_OTHER_TYPES,
  NAMES_OF_OUR_OWN,
  PATHS,
  CODE,
  MARKUP,
  HEADS_AND_FRAMES,
  LINES_OF_A_LOG,
  CONTROL_CHARACTERS,
].flat();

export const naughtyStrings: readonly string[] = [
  ...new Set([...few, ...ALL, ...UNICODE, ...LENGTHS, `${DOLLAR}{7*7}`, `${DOLLAR}{jndi:ldap://127.0.0.1/a}`, '`touch x`']),
];
