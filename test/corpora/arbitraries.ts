/** From a schema of ours to requests that it takes, and to such that it nearly takes. */

import fc, { type Arbitrary } from 'fast-check';
import { z } from 'zod';
import { naughtyStrings } from './naughty-strings.ts';

type Node = z.core.JSONSchema.BaseSchema;

/** By path (`work.constraints`): what stands there instead of what its schema alone would give. */
export type Overrides = Readonly<Record<string, Arbitrary<unknown>>>;

export interface Hints {
  readonly overrides?: Overrides;
  /** Optional fields, by path, that are given every second time. */
  readonly often?: readonly string[];
}

/** One in so many other optional fields is given: most requests are to be admitted, and each field more meets another rule. */
const RARITY = 5;

export const naughty = fc.constantFrom(...naughtyStrings);
/** Any text, half surrogates among it. */
const anyText = fc.oneof(naughty, fc.string({ unit: 'binary', maxLength: 30 }), fc.string({ maxLength: 30 }));
export const anyJson = fc.oneof({ weight: 4, arbitrary: fc.jsonValue({ maxDepth: 4 }) }, { weight: 1, arbitrary: anyText });
export const anyObject = fc.dictionary(fc.oneof(naughty, fc.string({ maxLength: 8 })), anyJson, { maxKeys: 5 });

/** Values that a schema's shape admits. What its refinements say besides is left to `overrides`, or to the refusal. */
export function admitted(schema: z.ZodType, hints: Hints = {}): Arbitrary<unknown> {
  return ofNode(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }), '', hints);
}

/** The same with one thing about it changed: a field gone, one too many, another value in its place. */
export function nearlyAdmitted(schema: z.ZodType, hints: Hints = {}): Arbitrary<unknown> {
  const change = fc.oneof(
    fc.record({ kind: fc.constant('drop' as const), at: fc.nat() }),
    fc.record({ kind: fc.constant('put' as const), at: fc.nat(), value: anyJson }),
    fc.record({ kind: fc.constant('edge' as const), at: fc.nat(), value: edges }),
    fc.record({ kind: fc.constant('add' as const), key: anyText, value: anyJson }),
    fc.record({ kind: fc.constant('instead' as const), value: anyJson }),
  );
  return fc.tuple(admitted(schema, hints), change).map(([value, how]) => changed(value, how));
}

/** Numbers where rules begin and end, and what other languages write for them. */
const edges = fc.constantFrom<unknown>(
  ...[
    -1,
    -0,
    0,
    0.5,
    1,
    1e-7,
    5e-324,
    1e308,
    1.000_05,
    2 ** 31,
    2 ** 53,
    2 ** 63,
    604_800,
    604_801,
    999_999_999,
    1e9,
    1e12,
    253_402_300_800,
  ],
  ...['', '0', '1', ' 1', '1e3', '0x10', 'NaN', null, true, [], {}, [1], { valueOf: 1 }],
);

type Change =
  | { readonly kind: 'drop'; readonly at: number }
  | { readonly kind: 'put' | 'edge'; readonly at: number; readonly value: unknown }
  | { readonly kind: 'add'; readonly key: string; readonly value: unknown }
  | { readonly kind: 'instead'; readonly value: unknown };

function changed(value: unknown, change: Change): unknown {
  if (change.kind === 'instead') return change.value;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  if (change.kind === 'add') return { ...value, [change.key]: change.value };
  const given = Object.entries(value).filter(([, inner]) => inner !== undefined);
  if (given.length === 0) return value;
  const [key, inner] = given[change.at % given.length] as [string, unknown];
  // Every second time it goes on within, where there is a within.
  if (change.at % 2 === 1 && change.kind !== 'drop' && typeof inner === 'object') {
    return { ...value, [key]: changed(inner, { ...change, at: Math.floor(change.at / 2) }) };
  }
  return { ...value, [key]: change.kind === 'drop' ? undefined : change.value };
}

function ofNode(node: Node, path: string, hints: Hints): Arbitrary<unknown> {
  const override = hints.overrides?.[path];
  if (override !== undefined) return override;
  if (node.const !== undefined) return fc.constant(node.const);
  if (node.enum !== undefined) return fc.constantFrom(...node.enum);
  if (node.anyOf !== undefined) return fc.oneof(...node.anyOf.map((one) => ofNode(one as Node, path, hints)));
  switch (node.type) {
    case 'string':
      return text(node);
    case 'integer':
      return wholeNumber(node);
    case 'number':
      return number(node);
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case 'array':
      return fc.array(ofNode((node.items ?? {}) as Node, `${path}[]`, hints), { maxLength: Math.min(node.maxItems ?? 3, 3) });
    case 'object':
      return node.properties === undefined ? anyObject : object(node, path, hints);
    default:
      return anyJson;
  }
}

function object({ properties = {}, required = [] }: Node, path: string, hints: Hints): Arbitrary<unknown> {
  const fields = Object.entries(properties).map(([key, node]): [string, Arbitrary<unknown>] => {
    const at = path === '' ? key : `${path}.${key}`;
    const value = ofNode(node as Node, at, hints);
    const absent = { weight: hints.often?.includes(at) ? 1 : RARITY - 1, arbitrary: fc.constant(undefined) };
    return [key, required.includes(key) ? value : fc.oneof(absent, { weight: 1, arbitrary: value })];
  });
  // `undefined` is left out when it becomes JSON.
  return fc.record(Object.fromEntries(fields));
}

function text({ minLength = 0, maxLength = 1_000 }: Node): Arbitrary<string> {
  const fitting = naughtyStrings.filter((one) => one.length >= minLength && one.length <= maxLength);
  return fc.oneof(
    { weight: 3, arbitrary: fc.string({ minLength, maxLength: Math.min(maxLength, 40) }) },
    { weight: 2, arbitrary: fc.constantFrom(...fitting) },
    { weight: 1, arbitrary: fc.constantFrom('x'.repeat(minLength), 'ü'.repeat(maxLength)) },
  );
}

function wholeNumber(node: Node): Arbitrary<number> {
  const min = Math.max(node.minimum ?? -1e9, Number.MIN_SAFE_INTEGER);
  const max = Math.min(node.maximum ?? 1e9, Number.MAX_SAFE_INTEGER);
  return fc.oneof(fc.constantFrom(min, max), fc.integer({ min, max }));
}

function number(node: Node): Arbitrary<number> {
  const min = Number(node.minimum ?? node.exclusiveMinimum ?? -1e9);
  const max = Number(node.maximum ?? 1e15);
  const minExcluded = node.exclusiveMinimum !== undefined;
  return fc.oneof(
    fc.double({ min, max, minExcluded, noNaN: true }),
    fc.integer({ min: Math.ceil(min) + (minExcluded ? 1 : 0), max: Math.min(Math.floor(max), 100_000) }),
  );
}
