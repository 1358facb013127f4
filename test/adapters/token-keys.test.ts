import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { FetchJson } from '../../functions/adapters/fetch-json.ts';
import { remoteTokenKeys } from '../../functions/adapters/token-keys.ts';
import type { Clock } from '../../functions/core/ports.ts';
import { verifyIdToken } from '../../functions/core/push.ts';
import { goodToken, signed } from '../security/forge.ts';
import { AUDIENCE, contextOf, EMAIL, ISSUER, isRefused, jwkOf, NOW, newPrivateKey } from '../security/issuer.ts';

const one = contextOf('one', newPrivateKey());
const two = contextOf('two', newPrivateKey());
const expected = { issuer: ISSUER, audience: AUDIENCE, emails: [EMAIL] };

/** Keys behind a clock and an address that the test moves and breaks. */
function setUp(contexts = [one], maxAgeSeconds = 3600) {
  const world = { nowMs: NOW, fetches: 0, down: false, keys: contexts.map(jwkOf) as unknown, maxAgeSeconds };
  const clock = { now: () => world.nowMs } as Clock;
  const fetchJson: FetchJson = async () => {
    world.fetches += 1;
    await new Promise((resolve) => setImmediate(resolve));
    if (world.down) throw new Error('no route to host');
    return { json: { keys: world.keys }, maxAgeSeconds: world.maxAgeSeconds };
  };
  const keys = remoteTokenKeys({ url: 'https://issuer.example/jwks', clock, fetchJson });
  const verify = (token: string) => verifyIdToken(token, expected, keys, NOW);
  return { world, keys, verify };
}

describe('remoteTokenKeys', function () {
  this.timeout(20_000);

  it('fetches nothing until a key is asked for, then once for all', async () => {
    const { world, keys } = setUp();
    assert.equal(world.fetches, 0);
    await Promise.all(Array.from({ length: 50 }, () => keys.key('one')));
    assert.equal(world.fetches, 1);
  });

  it('fetches at most once for 1,000 unknown keys in 30 s, and keeps none of them', async () => {
    const { world, verify } = setUp();
    await verify(goodToken(one));
    world.nowMs += 30_000;
    for (let i = 0; i < 1_000; i += 1) {
      await assert.rejects(verify(signed(one, { kid: `unknown ${i}` }, {})), /\[unknown key\]/);
      world.nowMs += 29;
    }
    assert.equal(world.fetches, 2);
    assert.equal((await verify(goodToken(one))).email, EMAIL);
  });

  it('fetches once for 1,000 unknown keys at the same time, before any key is known', async () => {
    const { world, keys } = setUp();
    const found = await Promise.all(Array.from({ length: 1_000 }, (_, i) => keys.key(`unknown ${i}`)));
    assert.ok(found.every((key) => key === undefined));
    assert.equal(world.fetches, 1);
  });

  for (const [maxAgeSeconds, keptSeconds] of [
    [0, 300],
    [-50, 300],
    [600, 600],
    [1e9, 86_400],
  ] as const) {
    it(`keeps keys with max-age ${maxAgeSeconds} for ${keptSeconds} s`, async () => {
      const { world, keys } = setUp([one], maxAgeSeconds);
      await keys.key('one');
      world.nowMs += keptSeconds * 1000 - 1;
      await keys.key('one');
      assert.equal(world.fetches, 1);
      world.nowMs += 1;
      await keys.key('one');
      assert.equal(world.fetches, 2);
    });
  }

  it('follows a rotation: the new key at once, the old one no longer once it is gone', async () => {
    const { world, verify } = setUp();
    await verify(goodToken(one));
    world.nowMs += 31_000;
    world.keys = [jwkOf(one), jwkOf(two)];
    await Promise.all(Array.from({ length: 100 }, (_, i) => verify(goodToken(i % 2 === 0 ? one : two))));
    assert.equal(world.fetches, 2);
    world.keys = [jwkOf(two)];
    world.nowMs += 3_600_000;
    await assert.rejects(verify(goodToken(one)), /\[unknown key\]/);
    await verify(goodToken(two));
    assert.equal(world.fetches, 3);
  });

  it('does not take a new key under an old id for the old one', async () => {
    const { world, verify } = setUp();
    await verify(goodToken(one));
    world.keys = [{ ...jwkOf(two), kid: 'one' }];
    world.nowMs += 3_600_000;
    await assert.rejects(verify(goodToken(one)), /\[signature\]/);
    await verify(goodToken({ ...two, kid: 'one' }));
  });

  it('answers 503 while there are no keys, asks again after a second, and recovers', async () => {
    const { world, verify } = setUp();
    world.down = true;
    for (let i = 0; i < 100; i += 1) await assert.rejects(verify(goodToken(one)), { status: 503, code: 'keys_unavailable' });
    assert.equal(world.fetches, 1);
    world.down = false;
    await assert.rejects(verify(goodToken(one)), { status: 503 });
    world.nowMs += 1_000;
    await verify(goodToken(one));
    assert.equal(world.fetches, 2);
  });

  it('goes on with the keys it has while the address fails or talks nonsense', async () => {
    const { world, verify } = setUp();
    await verify(goodToken(one));
    for (const broken of [undefined, [], [{ kty: 'oct', k: 'AA', kid: 'one' }], 'keys'] as const) {
      world.nowMs += 86_400_000;
      world.down = broken === undefined;
      world.keys = broken;
      await verify(goodToken(one));
      await assert.rejects(verify(goodToken(two)), isRefused);
    }
    assert.equal(world.fetches, 5);
  });

  it('does not wait for an address that failed before', async () => {
    const { world, keys, verify } = setUp();
    await verify(goodToken(one));
    world.nowMs += 3_600_000;
    world.down = true;
    await keys.key('one');
    world.nowMs += 30_000;
    const first = await Promise.race([keys.key('one').then(() => 'key'), new Promise((resolve) => setImmediate(resolve, 'fetch'))]);
    assert.equal(first, 'key');
    assert.equal(world.fetches, 3);
  });

  it('takes only RSA signing keys of a sound size', async () => {
    const { n, e, kty } = jwkOf(one) as Record<string, string>;
    const { world, keys } = setUp();
    world.keys = [
      jwkOf(one),
      { kty, n, e, kid: 'plain' },
      { kty, n, e, kid: 'encryption', use: 'enc' },
      { kty, n, e, kid: 'other', alg: 'RS512' },
      { kty, n, e: 'Aw', kid: 'exponent 3' },
      { kty, n: n?.slice(0, 171), e, kid: 'short' },
      { kty, n: 'A'.repeat(4000), e, kid: 'long' },
      { kty, n, e },
      null,
    ];
    const kids = ['one', 'plain', 'encryption', 'other', 'exponent 3', 'short', 'long', 'undefined'];
    const found = await Promise.all(kids.map(async (kid) => (await keys.key(kid)) !== undefined));
    assert.deepEqual(found, [true, true, false, false, false, false, false, false]);
  });

  it('reads an address over HTTP, with its Cache-Control and Age; no redirects, no endless answers', async () => {
    const answers: Record<string, [number, Record<string, string>, string]> = {
      '/jwks': [200, { 'cache-control': 'public, max-age=900', age: '100' }, JSON.stringify({ keys: [jwkOf(one)] })],
      '/moved': [302, { location: '/jwks' }, ''],
      '/long': [200, {}, `{"keys":[${JSON.stringify(jwkOf(one))}],"x":"${'x'.repeat(300_000)}"}`],
      '/error': [500, {}, JSON.stringify({ keys: [jwkOf(one)] })],
    };
    let fetches = 0;
    const server = createServer((request, response) => {
      fetches += 1;
      const [status, headers, text] = answers[request.url as string] as [number, Record<string, string>, string];
      response.writeHead(status, headers).end(text);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    let nowMs = NOW;
    const keysAt = (path: string) => remoteTokenKeys({ url: base + path, clock: { now: () => nowMs } as Clock });
    try {
      for (const path of ['/moved', '/long', '/error']) await assert.rejects(keysAt(path).key('one'), path);
      fetches = 0;
      const keys = keysAt('/jwks');
      await verifyIdToken(goodToken(one), expected, keys, NOW);
      nowMs += 799_000;
      await keys.key('one');
      assert.equal(fetches, 1);
      nowMs += 2_000;
      await keys.key('one');
      assert.equal(fetches, 2);
    } finally {
      server.close();
      server.closeAllConnections();
    }
  });
});
