import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { signWebhook, verifyBodyHmac, verifyWebhook } from '../../functions/core/webhook.ts';
import { isRefused, NOW } from '../security/issuer.ts';

const one = `whsec_${Buffer.alloc(32, 1).toString('base64')}`;
const two = Buffer.alloc(24, 2).toString('base64');
const stranger = `whsec_${Buffer.alloc(32, 3).toString('base64')}`;
const body = '{"status":"succeeded","text":"grüße"}';
const raw = Buffer.from(body);
const sign = (keys: string[], atMs = NOW) => signWebhook({ id: 'task-1.0'.replace('.', '_'), atMs, body, keys });

describe('signWebhook', () => {
  it('makes what the reference library verifies', () => {
    const headers = sign([one], Date.now());
    assert.deepEqual(new Webhook(one).verify(body, headers), JSON.parse(body));
  });

  it('agrees with the specification: HMAC-SHA-256 over id, timestamp and body', () => {
    const headers = sign([two]);
    const content = `${headers['webhook-id']}.${NOW / 1000}.${body}`;
    assert.equal(headers['webhook-signature'], `v1,${createHmac('sha256', Buffer.alloc(24, 2)).update(content).digest('base64')}`);
  });

  it('signs with both keys during a rotation', () => {
    const headers = sign([one, two]);
    assert.equal(headers['webhook-signature']?.split(' ').length, 2);
    for (const key of [one, two]) assert.equal(verifyWebhook(headers, raw, [key], NOW), 'task-1_0');
  });

  for (const key of [
    '',
    'whsec_',
    'short',
    'not base64 at all!!!!!!!!!!!!!!!!!!!',
    Buffer.alloc(23).toString('base64'),
    Buffer.alloc(65).toString('base64'),
  ]) {
    it(`refuses the key ${JSON.stringify(key.slice(0, 20))} of ${key.length} characters`, () => {
      assert.throws(() => sign([key]), { code: 'invalid_webhook_key', status: 422 });
    });
  }

  it('refuses an id that could end early in the signed content', () => {
    assert.throws(() => signWebhook({ id: 'a.b', atMs: NOW, body, keys: [one] }), TypeError);
  });
});

describe('verifyWebhook', () => {
  const good = sign([one]);
  const signature = good['webhook-signature'] as string;

  it('accepts within five minutes, with any of the keys, among other signatures', () => {
    assert.equal(verifyWebhook(good, raw, [stranger, one], NOW + 300_000), 'task-1_0');
    assert.equal(verifyWebhook(good, raw, [one], NOW - 300_000), 'task-1_0');
    assert.equal(verifyWebhook({ ...good, 'webhook-signature': `v1a,x v1,AAAA ${signature}` }, raw, [one], NOW), 'task-1_0');
  });

  const changes: [string, Record<string, string | string[] | undefined>][] = [
    ['no id', { 'webhook-id': undefined }],
    ['another id', { 'webhook-id': 'task-2' }],
    ['two ids', { 'webhook-id': ['task-1_0', 'task-1_0'] }],
    ['no timestamp', { 'webhook-timestamp': undefined }],
    ['another timestamp', { 'webhook-timestamp': String(NOW / 1000 + 1) }],
    ['a timestamp with a zero in front', { 'webhook-timestamp': `0${NOW / 1000}` }],
    ['a timestamp with letters behind', { 'webhook-timestamp': `${NOW / 1000}x` }],
    ['a timestamp in milliseconds', { 'webhook-timestamp': String(NOW) }],
    ['no signature', { 'webhook-signature': undefined }],
    ['an empty signature', { 'webhook-signature': '' }],
    ['a signature without version', { 'webhook-signature': signature.slice(3) }],
    ['a signature of another version', { 'webhook-signature': signature.replace('v1,', 'v2,') }],
    ['a signature without padding', { 'webhook-signature': signature.replace('=', '') }],
    ["a stranger's signature", { 'webhook-signature': sign([stranger])['webhook-signature'] }],
    ['nine signatures', { 'webhook-signature': Array(9).fill(signature).join(' ') }],
  ];
  for (const [name, change] of changes) {
    it(`refuses ${name}`, () => {
      assert.throws(() => verifyWebhook({ ...good, ...change }, raw, [one], NOW), isRefused);
    });
  }

  it('refuses another body, an old and a future webhook, and everything where there is no key', () => {
    assert.throws(() => verifyWebhook(good, Buffer.from(`${body} `), [one], NOW), isRefused);
    assert.throws(() => verifyWebhook(good, raw, [one], NOW + 301_000), isRefused);
    assert.throws(() => verifyWebhook(good, raw, [one], NOW - 301_000), isRefused);
    assert.throws(() => verifyWebhook(good, raw, [], NOW), isRefused);
  });

  it('refuses bytes that are no UTF-8, which would share the signature of U+FFFD', () => {
    const headers = signWebhook({ id: 'x', atMs: NOW, body: '\ufffd', keys: [one] });
    assert.equal(verifyWebhook(headers, Buffer.from('\ufffd'), [one], NOW), 'x');
    assert.throws(() => verifyWebhook(headers, Buffer.from([0xff]), [one], NOW), isRefused);
  });
});

describe('verifyBodyHmac', () => {
  const good = createHmac('sha256', 'key').update(raw).digest('hex');

  it('accepts the HMAC in either case', () => {
    verifyBodyHmac(good, raw, 'key');
    verifyBodyHmac(good.toUpperCase(), raw, 'key');
  });

  const empty = createHmac('sha256', '').update(raw).digest('hex');
  const rows: [string, string | string[] | undefined, Buffer, string][] = [
    ['nothing', undefined, raw, 'key'],
    ['an empty one', '', raw, 'key'],
    ['a prefix', `sha256=${good}`, raw, 'key'],
    ['two', [good, good], raw, 'key'],
    ['a shortened one', good.slice(0, -2), raw, 'key'],
    ['another', good.replace(/^./, (digit) => (digit === '0' ? '1' : '0')), raw, 'key'],
    ['another body', good, Buffer.from('{}'), 'key'],
    ['another key', good, raw, 'other'],
    ['an empty key', empty, raw, ''],
  ];
  for (const [name, signature, bytes, key] of rows) {
    it(`refuses ${name}`, () => {
      assert.throws(() => verifyBodyHmac(signature, bytes, key), isRefused);
    });
  }
});
