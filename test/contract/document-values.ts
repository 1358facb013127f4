/** Values that one store or the other might not give back as they were. */
export function documentValues(): { title: string; value: unknown }[] {
  return [
    { title: 'null', value: null },
    { title: 'booleans', value: false },
    { title: 'the empty string', value: '' },
    { title: 'zero without its sign', value: -0 },
    { title: 'the largest safe integer', value: Number.MAX_SAFE_INTEGER },
    { title: 'integers beyond the safe ones', value: 2 ** 63 },
    { title: 'the smallest fraction', value: 5e-324 },
    { title: 'fractions', value: 0.1 + 0.2 },
    { title: 'half a surrogate pair', value: 'a\ud800b' },
    { title: 'the other half', value: '\udc00' },
    { title: 'characters beyond the first plane', value: '\u{1f600}\u0000\u007f' },
    { title: 'a string like a number', value: '007' },
    { title: 'nested arrays', value: [[], [[1, [2]]], {}] },
    { title: 'empty objects', value: {} },
    { title: 'names that a store may reserve', value: { '': 1, '.': 2, __name__: 3, 'a.b/c`': 4, json: '"5"', $x: 6 } },
    { title: 'a __proto__ key', value: JSON.parse('{"__proto__": {"polluted": true}, "constructor": 1}') },
    { title: '64 KiB of text', value: 'é'.repeat(32_768) },
    { title: '10,000 numbers', value: { numbers: Array.from({ length: 10_000 }, (_, index) => index * 1.5) } },
    { title: 'a depth of 200', value: Array.from({ length: 200 }).reduce<unknown>((inner) => ({ inner }), 1) },
  ];
}
