/** The task packet: what a client may ask for, checked field by field. Unknown fields are refused by name. */

import * as z from 'zod';
import { isWholeMicros } from './budgets/money.ts';
import { keepable } from './json-value.ts';

const MAX_TTL_SECONDS = 7 * 86_400;
/** A `ttl` below this can be no date, so it means seconds from now. */
const SMALLEST_DATE = 1_000_000_000;
/** As seconds this is past the year 30000, as milliseconds in 2001. */
const SMALLEST_MS_DATE = SMALLEST_DATE * 1000;
/** Text that names something: no control characters, so that it can stand in a header or an attribute. */
const name = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .refine((text) => !/\p{Cc}/u.test(text), 'contains control characters')
    .refine((text) => text.isWellFormed(), 'is not well-formed Unicode');
const fits = (maxBytes: number) => (value: unknown) => Buffer.byteLength(JSON.stringify(value)) <= maxBytes;
const larger = (maxBytes: number): string => `is larger than ${maxBytes} bytes of JSON`;

/** A JSON object that a store can keep. */
export const jsonObject = z
  .unknown()
  // The library would leave it out without a word.
  .refine((value) => !Object.hasOwn(Object(value), '__proto__'), 'has a field named __proto__')
  .pipe(z.record(z.string(), z.unknown()).refine(...keepable));
const MAX_DEPENDENCIES = 100;
const MAX_METADATA_BYTES = 16_384;
const MAX_WORK_BYTES = 65_536;

export const workSchema = z
  .strictObject({
    module_name: z.string().max(500).optional(),
    task_type: z.enum(['analysis', 'modification', 'verification', 'deployment']).optional(),
    constraints: z.array(z.unknown()).max(100).optional(),
    business_rules: z.array(z.unknown()).max(100).optional(),
    philosophy_tags: z.array(z.string().max(200)).max(100).optional(),
    backup_id: z.string().max(200).nullable().optional(),
  })
  .refine(...keepable)
  .refine(fits(MAX_WORK_BYTES), larger(MAX_WORK_BYTES));

export const packetSchema = z.strictObject({
  agent: name(63),
  mode: z.enum(['http', 'pubsub']).default('http'),
  payload: jsonObject,
  ttl: z.number().positive('is in the past: give Unix seconds in the future, or a number of seconds from now').optional(),
  ttlSeconds: z.number().positive().max(MAX_TTL_SECONDS, 'is more than 7 days').optional(),
  budgetCents: z
    .number()
    .min(0, 'is negative')
    .max(1_000_000_000)
    .refine(isWholeMicros, 'has a fraction below a micro-dollar (0.0001 cents)')
    .optional(),
  maxAttempts: z.int().min(1).max(20).default(5),
  idempotencyKey: name(500).optional(),
  callbackUrl: z.string().max(2_048).refine(URL.canParse, 'is not a URL').optional(),
  traceId: name(200).optional(),
  metadata: jsonObject.refine(fits(MAX_METADATA_BYTES), larger(MAX_METADATA_BYTES)).optional(),
  sessionId: name(200).optional(),
  projectId: name(200).optional(),
  parentTaskId: name(200).optional(),
  /** Ids of the tasks that have to succeed before this one runs. */
  dependencies: z
    .array(name(200))
    .max(MAX_DEPENDENCIES)
    .refine((ids) => new Set(ids).size === ids.length, 'names a task twice')
    .optional(),
  priority: z.int().min(-1000).max(1000).default(0),
  modifies: z.boolean().optional(),
  notBefore: z.number().positive().optional(),
  work: workSchema.optional(),
});

export type Packet = z.output<typeof packetSchema>;

/** A packet whose time limit is settled: `ttl` is absolute, in Unix seconds. */
export type TimedPacket = Omit<Packet, 'ttlSeconds' | 'ttl'> & { readonly ttl: number };

/**
 * The packet with its time limit made absolute, as seen at `nowMs` (milliseconds since the epoch).
 * Returns the field and rule that is broken instead, if one is.
 */
export function timed(packet: Packet, nowMs: number): TimedPacket | { readonly field: string; readonly rule: string } {
  const { ttl: given, ttlSeconds, ...rest } = packet;
  if (given !== undefined && ttlSeconds !== undefined)
    return { field: 'ttlSeconds', rule: 'is given beside ttl: give one of the two' };
  const relative = ttlSeconds ?? (given === undefined ? 900 : given < SMALLEST_DATE ? given : undefined);
  const ttl = relative === undefined ? (given as number) : nowMs / 1000 + relative;
  const field = ttlSeconds === undefined ? 'ttl' : 'ttlSeconds';
  if (relative === undefined && ttl * 1000 <= nowMs) return { field, rule: 'is in the past' };
  if (ttl >= SMALLEST_MS_DATE) return { field, rule: 'is more than 7 days ahead: it looks like milliseconds, give Unix seconds' };
  if (ttl > nowMs / 1000 + MAX_TTL_SECONDS + 1) return { field, rule: 'is more than 7 days ahead' };
  if (rest.notBefore !== undefined && rest.notBefore >= ttl) return { field: 'notBefore', rule: 'is not before the ttl' };
  return { ...rest, ttl };
}
