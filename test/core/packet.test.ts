import assert from 'node:assert/strict';
import { Problem } from '../../functions/core/errors.ts';
import { checked } from '../../functions/core/http.ts';
import { packetSchema, timed } from '../../functions/core/packet.ts';
import { badPackets, naughtyStrings, wrongShapes } from './bad-packets.ts';

const NOW = Date.UTC(2026, 10, 21, 12);
const now = NOW / 1000;
const WEEK = 7 * 86_400;

const admit = (part: Record<string, unknown>) => timed(checked(packetSchema, { agent: 'light', payload: {}, ...part }), NOW);

/** The broken field and rule, by whichever of the two checks. */
function refusal(body: unknown): { field: string; rule: string }[] {
  try {
    const packet = timed(checked(packetSchema, body), NOW);
    assert.ok('rule' in packet, 'it was admitted');
    return [packet];
  } catch (error) {
    assert.ok(error instanceof Problem, String(error));
    assert.deepEqual([error.status, error.code], [422, 'invalid_fields']);
    return error.fields.map(({ field, message }) => ({ field, rule: message }));
  }
}

describe('a packet is refused, with field and rule', () => {
  for (const [name, part, field, rule] of badPackets(NOW)) {
    it(name, () => {
      const fields = refusal({ agent: 'light', payload: {}, ...part });
      const named = fields.find((one) => one.field === field);
      assert.ok(named, `${field} is not among ${JSON.stringify(fields)}`);
      assert.match(named.rule, rule);
    });
  }

  for (const [name, body, field] of wrongShapes) {
    it(`the body is ${name}`, () => assert.ok(refusal(body).some((one) => one.field === field)));
  }

  it('every bad field at once', () => {
    const fields = refusal({ agent: 5, payload: [], ttl: 'x', extra: 1, other: 2 }).map(({ field }) => field);
    assert.deepEqual(fields.sort(), ['agent', 'extra', 'other', 'payload', 'ttl']);
  });
});

describe('the time limit of a packet, in Unix seconds', () => {
  const rows: [string, Record<string, unknown>, number][] = [
    ['900 s by default', {}, now + 900],
    ['an absolute time', { ttl: now + 60 }, now + 60],
    ['an absolute time with a fraction', { ttl: now + 60.25 }, now + 60.25],
    ['a value below 10⁹ is seconds from now', { ttl: 60 }, now + 60],
    ['a fraction of a second from now', { ttl: 0.5 }, now + 0.5],
    ['ttlSeconds', { ttlSeconds: 60 }, now + 60],
    ['a thousandth of a second', { ttlSeconds: 0.001 }, now + 0.001],
    ['exactly 7 days', { ttlSeconds: WEEK }, now + WEEK],
    ['exactly 7 days ahead', { ttl: now + WEEK }, now + WEEK],
    ['7 days from now', { ttl: WEEK }, now + WEEK],
  ];
  for (const [name, part, ttl] of rows) {
    it(name, () => {
      const packet = admit(part);
      assert.ok(!('rule' in packet), JSON.stringify(packet));
      assert.equal(packet.ttl, ttl);
    });
  }
});

describe('a packet is admitted', () => {
  const rows: [string, Record<string, unknown>, Record<string, unknown>][] = [
    ['defaults', {}, { mode: 'http', maxAttempts: 5, priority: 0 }],
    ['a budget of nothing', { budgetCents: 0 }, { budgetCents: 0 }],
    ['a budget of one micro-dollar', { budgetCents: 0.0001 }, { budgetCents: 0.0001 }],
    ['a budget whose double is not exact', { budgetCents: 0.29 }, { budgetCents: 0.29 }],
    ['a key with spaces and letters of any script', { idempotencyKey: 'заказ 7 ✓' }, { idempotencyKey: 'заказ 7 ✓' }],
    ['a payload of 100 levels', { payload: nested(100) }, {}],
  ];
  for (const [name, part, wanted] of rows) {
    it(name, () => {
      const packet = admit(part) as Record<string, unknown>;
      for (const [field, value] of Object.entries(wanted)) assert.deepEqual(packet[field], value, field);
    });
  }

  for (const text of naughtyStrings) {
    it(`payload and metadata may hold ${JSON.stringify(text).slice(0, 40)}`, () => {
      const packet = admit({ payload: { text, [`key ${text}`]: [text] }, metadata: { text } });
      assert.ok(!('rule' in packet));
      assert.deepEqual([packet.payload, packet.metadata], [{ text, [`key ${text}`]: [text] }, { text }]);
    });
  }
});

/** `levels` objects within each other, counted as the payload. */
function nested(levels: number): unknown {
  let value: unknown = {};
  for (let level = 1; level < levels; level++) value = { value };
  return value;
}
