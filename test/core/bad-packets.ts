/** Packets that must be refused: what is wrong, the part that is wrong, the field to be named and a word of the rule. */

export type BadPacket = readonly [name: string, part: Record<string, unknown>, field: string, rule: RegExp];

const WEEK = 7 * 86_400;

/** All, as of `nowMs`. Each part replaces fields of `{agent: "light", payload: {}}`; `undefined` removes one. */
export function badPackets(nowMs: number): BadPacket[] {
  const now = nowMs / 1000;
  let deep: unknown = {};
  for (let level = 0; level < 101; level++) deep = { deep };
  return [
    ['ttl: a second ago', { ttl: now - 1 }, 'ttl', /in the past/],
    ['ttl: long ago, as a date', { ttl: 1_000_000_000 }, 'ttl', /in the past/],
    ['ttl: negative', { ttl: -1 }, 'ttl', /in the past/],
    ['ttl: zero', { ttl: 0 }, 'ttl', /in the past/],
    ['ttl: more than 7 days ahead', { ttl: now + WEEK + 60 }, 'ttl', /more than 7 days/],
    ['ttl: milliseconds instead of seconds', { ttl: nowMs + 60_000 }, 'ttl', /looks like milliseconds/],
    ['ttl: relative, more than 7 days', { ttl: WEEK + 60 }, 'ttl', /more than 7 days/],
    ['ttl: largest value below 10⁹', { ttl: 999_999_999 }, 'ttl', /more than 7 days/],
    ['ttl: text', { ttl: '60' }, 'ttl', /number/],
    ['ttl: a date as text', { ttl: new Date(nowMs + 60_000).toISOString() }, 'ttl', /number/],
    ['ttl: null', { ttl: null }, 'ttl', /number/],
    ['ttl: true', { ttl: true }, 'ttl', /number/],
    ['ttl: list', { ttl: [60] }, 'ttl', /number/],
    ['ttlSeconds: zero', { ttlSeconds: 0 }, 'ttlSeconds', /range/],
    ['ttlSeconds: negative', { ttlSeconds: -5 }, 'ttlSeconds', /range/],
    ['ttlSeconds: more than 7 days', { ttlSeconds: WEEK + 1 }, 'ttlSeconds', /7 days/],
    ['ttlSeconds: text', { ttlSeconds: '5' }, 'ttlSeconds', /number/],
    ['ttl and ttlSeconds', { ttl: now + 60, ttlSeconds: 60 }, 'ttlSeconds', /one of the two/],
    ['budgetCents: negative', { budgetCents: -1 }, 'budgetCents', /negative/],
    ['budgetCents: barely negative', { budgetCents: -0.0001 }, 'budgetCents', /negative/],
    ['budgetCents: a tenth of a micro-dollar', { budgetCents: 0.000_01 }, 'budgetCents', /micro-dollar/],
    ['budgetCents: with a fraction of a micro-dollar', { budgetCents: 1.000_05 }, 'budgetCents', /micro-dollar/],
    ['budgetCents: text', { budgetCents: '10' }, 'budgetCents', /number/],
    ['budgetCents: null', { budgetCents: null }, 'budgetCents', /number/],
    ['budgetCents: more than anyone has', { budgetCents: 1e12 }, 'budgetCents', /range/],
    ['maxAttempts: zero', { maxAttempts: 0 }, 'maxAttempts', /range/],
    ['maxAttempts: a half', { maxAttempts: 1.5 }, 'maxAttempts', /int/],
    ['maxAttempts: 21', { maxAttempts: 21 }, 'maxAttempts', /range/],
    ['agent: missing', { agent: undefined }, 'agent', /missing/],
    ['agent: empty', { agent: '' }, 'agent', /character/],
    ['agent: number', { agent: 5 }, 'agent', /string/],
    ['agent: line feed', { agent: 'light\n' }, 'agent', /control/],
    ['agent: overlong', { agent: 'a'.repeat(64) }, 'agent', /character/],
    ['mode: unknown', { mode: 'smoke' }, 'mode', /http/],
    ['payload: missing', { payload: undefined }, 'payload', /missing/],
    ['payload: text', { payload: 'hi' }, 'payload', /object/],
    ['payload: list', { payload: [1] }, 'payload', /object/],
    ['payload: null', { payload: null }, 'payload', /object/],
    ['payload: 102 levels deep', { payload: { deep } }, 'payload', /levels/],
    ['idempotencyKey: empty', { idempotencyKey: '' }, 'idempotencyKey', /character/],
    ['idempotencyKey: overlong', { idempotencyKey: 'k'.repeat(501) }, 'idempotencyKey', /character/],
    ['idempotencyKey: null character', { idempotencyKey: 'a\0b' }, 'idempotencyKey', /control/],
    ['idempotencyKey: half a surrogate pair', { idempotencyKey: 'a\ud800b' }, 'idempotencyKey', /Unicode/],
    ['traceId: escape sequence', { traceId: '\u001b[31mred' }, 'traceId', /control/],
    ['sessionId: header injection', { sessionId: 'a\r\nset-cookie: x=1' }, 'sessionId', /control/],
    ['callbackUrl: no URL', { callbackUrl: 'not a url' }, 'callbackUrl', /URL/],
    ['callbackUrl: overlong', { callbackUrl: `https://example.com/${'a'.repeat(2048)}` }, 'callbackUrl', /character/],
    ['metadata: too large', { metadata: { note: 'x'.repeat(17_000) } }, 'metadata', /larger than 16384/],
    ['metadata: list', { metadata: [] }, 'metadata', /object/],
    ['metadata: very deep', { metadata: { a: nested(3_000) } }, 'metadata', /100 levels/],
    ['work: very deep', { work: { constraints: nested(3_000) } }, 'work', /100 levels/],
    ['work: too large', { work: { business_rules: ['x'.repeat(66_000)] } }, 'work', /larger than 65536/],
    ['payload: a field that makes a prototype', { payload: JSON.parse('{"__proto__":{"a":1}}') }, 'payload', /__proto__/],
    ['metadata: a field that makes a prototype', { metadata: JSON.parse('{"__proto__":1}') }, 'metadata', /__proto__/],
    [
      'budgetCents: a large one with a fraction of a micro-dollar',
      { budgetCents: 1_000_000.000_05 },
      'budgetCents',
      /micro-dollar/,
    ],
    ['notBefore: after the ttl', { ttlSeconds: 60, notBefore: now + 120 }, 'notBefore', /before the ttl/],
    ['dependencies: text', { dependencies: 'abc' }, 'dependencies', /array/],
    ['dependencies: null', { dependencies: null }, 'dependencies', /array/],
    ['dependencies: an empty id', { dependencies: [''] }, 'dependencies.0', /character/],
    ['dependencies: a number', { dependencies: [7] }, 'dependencies.0', /string/],
    ['dependencies: line feed', { dependencies: ['a', 'b\n'] }, 'dependencies.1', /control/],
    ['dependencies: one twice', { dependencies: ['a', 'b', 'a'] }, 'dependencies', /twice/],
    ['dependencies: 101', { dependencies: Array.from({ length: 101 }, (_, n) => `t${n}`) }, 'dependencies', /range/],
    ['notBefore: negative', { notBefore: -1 }, 'notBefore', /range/],
    ['priority: fraction', { priority: 0.5 }, 'priority', /int/],
    ['work: unknown kind', { work: { task_type: 'guess' } }, 'work.task_type', /analysis/],
    ['unknown field', { budget: 5 }, 'budget', /not a field/],
    ['unknown field, spelt alike', { ttlseconds: 5 }, 'ttlseconds', /not a field/],
    ['unknown field within', { work: { module: 'x' } }, 'work.module', /not a field/],
    ['a field of every object', { constructor: 1 }, 'constructor', /not a field/],
    ['a field of our own documents', { tenant: 'other' }, 'tenant', /not a field/],
  ];
}

/** Bodies that are no packet at all. */
export const wrongShapes: readonly (readonly [name: string, body: unknown, field: string])[] = [
  ['a list', [], '(body)'],
  ['a number', 5, '(body)'],
  ['text', 'light', '(body)'],
  ['null', null, '(body)'],
  ['true', true, '(body)'],
  ['an empty object', {}, 'agent'],
];

/** Text that has broken other systems; each is to come back as it was sent. */
export const naughtyStrings: readonly string[] = [
  '',
  ' ',
  'undefined',
  'null',
  'NaN',
  '-0',
  '1e400',
  '0x10',
  '__proto__',
  'constructor',
  '$where',
  '../../etc/passwd',
  '%00%0a%2e%2e',
  "'; DROP TABLE tasks; --",
  '" OR ""="',
  '<script>alert(1)</script>',
  '{{7*7}}<%= 7*7 %>',
  '\u0000\u0001\u007f',
  '\r\n\t\u2028\u2029\ufeff',
  'Ω≈ç√∫˜µ≤≥÷',
  '田中さんにあげて下さい',
  'שלום مرحبا',
  '👩‍👩‍👧‍👦🏳️‍🌈',
  'Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘',
  '\u202etxet desrever\u202c',
  'ﬀ ﷽ ẞ ı İ',
];

/** Lists within lists, `levels` deep. */
function nested(levels: number): unknown[] {
  let list: unknown[] = [];
  for (let level = 1; level < levels; level++) list = [list];
  return list;
}
