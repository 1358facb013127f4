import assert from 'node:assert/strict';
import type { Problem } from '../../functions/core/errors.ts';
import { bearerToken, verifyIdToken } from '../../functions/core/push.ts';
import { goodClaims, goodToken, signed } from '../security/forge.ts';
import { AUDIENCE, contextOf, EMAIL, ISSUER, isRefused, memoryKeys, NOW, newPrivateKey } from '../security/issuer.ts';

const context = contextOf('one', newPrivateKey());
const other = contextOf('two', newPrivateKey());
const expected = { issuer: ISSUER, audience: AUDIENCE, emails: [EMAIL] };
const claims = goodClaims(context);
const seconds = Math.floor(NOW / 1000);

describe('verifyIdToken', function () {
  this.timeout(20_000);

  it('says who is calling, times in milliseconds', async () => {
    assert.deepEqual(await verifyIdToken(goodToken(context), expected, await memoryKeys(context), NOW), {
      email: EMAIL,
      subject: claims.sub,
      issuedAt: claims.iat * 1000,
      expiresAt: claims.exp * 1000,
    });
  });

  const accepted: [string, object, object][] = [
    ['no typ', { typ: undefined }, {}],
    ['typ in another case', { typ: 'jwt' }, {}],
    ['a header parameter that means nothing to us', { x5t: 'abc' }, {}],
    ['a lifetime of exactly an hour', {}, { iat: seconds, exp: seconds + 3600 }],
    ['a clock 30 s behind the issuer', {}, { iat: seconds + 30, exp: seconds + 600 }],
    ['a clock 29 s ahead of the issuer', {}, { exp: seconds - 29 }],
    ['a past nbf', {}, { nbf: seconds - 60 }],
    ['equal names in different objects', {}, { google: { email: 'x', sub: 'email' }, list: [{ sub: 1 }, { sub: 1 }] }],
    ['braces and escapes in strings', {}, { note: '{"sub": "\\"}", "sub": [' }],
  ];
  for (const [name, header, payload] of accepted) {
    it(`accepts ${name}`, async () => {
      await verifyIdToken(signed(context, header, payload), expected, await memoryKeys(context), NOW);
    });
  }

  it('takes any verified e-mail where none is named, and none where the list is empty', async () => {
    const keys = await memoryKeys(context);
    const token = signed(context, {}, { email: 'someone@example.com' });
    const { issuer, audience } = expected;
    assert.equal((await verifyIdToken(token, { issuer, audience }, keys, NOW)).email, 'someone@example.com');
    await assert.rejects(verifyIdToken(token, { issuer, audience, emails: [] }, keys, NOW), isRefused);
    const unverified = signed(context, {}, { email_verified: false });
    await assert.rejects(verifyIdToken(unverified, { issuer, audience }, keys, NOW), isRefused);
  });

  it('names the broken rule', async () => {
    const keys = await memoryKeys(context);
    const token = signed(context, {}, { aud: 'https://other.example' });
    await assert.rejects(verifyIdToken(token, expected, keys, NOW), /\[audience\]/);
    await assert.rejects(verifyIdToken(goodToken(other), expected, keys, NOW), /\[unknown key\]/);
  });

  it('answers 503 when the keys cannot be had', async () => {
    const keys = { key: () => Promise.reject(new Error('no route to host')) };
    await assert.rejects(verifyIdToken(goodToken(context), expected, keys, NOW), (error: Problem) => {
      return error.status === 503 && error.code === 'keys_unavailable' && error.retryAfterSeconds === 1;
    });
  });

  it('asks for no key for what it can refuse without one', async () => {
    let asked = 0;
    const keys = {
      async key() {
        asked += 1;
        return undefined;
      },
    };
    await assert.rejects(verifyIdToken(signed(context, {}, { exp: seconds - 60 }), expected, keys, NOW), isRefused);
    for (const header of [{ alg: 'none' }, { kid: ['one'] }, { kid: '' }, { kid: 'k'.repeat(257) }, { kid: undefined }]) {
      await assert.rejects(verifyIdToken(signed(context, header, {}), expected, keys, NOW), isRefused);
    }
    assert.equal(asked, 0);
  });

  describe('with a token it has seen', () => {
    it('still applies time, audience and e-mail', async () => {
      const keys = await memoryKeys(context);
      const token = goodToken(context);
      await verifyIdToken(token, expected, keys, NOW);
      await assert.rejects(verifyIdToken(token, expected, keys, claims.exp * 1000 + 30_000), /\[expired\]/);
      await assert.rejects(verifyIdToken(token, { ...expected, audience: `${AUDIENCE}/` }, keys, NOW), /\[audience\]/);
      await assert.rejects(verifyIdToken(token, { ...expected, emails: ['a@b.example'] }, keys, NOW), /\[email\]/);
      await verifyIdToken(token, expected, keys, NOW);
    });

    it('refuses it once its key has left the set, or is another one', async () => {
      const keys = await memoryKeys(context);
      const token = goodToken(context);
      await verifyIdToken(token, expected, keys, NOW);
      keys.set.set(context.kid, (await memoryKeys(other)).set.get(other.kid) as never);
      await assert.rejects(verifyIdToken(token, expected, keys, NOW), /\[signature\]/);
      keys.set.delete(context.kid);
      await assert.rejects(verifyIdToken(token, expected, keys, NOW), /\[unknown key\]/);
    });

    it('does not share what it has seen with another key set', async () => {
      const token = goodToken(context);
      await verifyIdToken(token, expected, await memoryKeys(context), NOW);
      const stranger = await memoryKeys({ ...other, kid: context.kid });
      await assert.rejects(verifyIdToken(token, expected, stranger, NOW), /\[signature\]/);
    });

    it('verifies the signature once, and again when 500 others have come between', async () => {
      const keys = await memoryKeys(context);
      const { verify } = crypto.subtle;
      let verified = 0;
      crypto.subtle.verify = (...values: Parameters<typeof verify>) => {
        verified += 1;
        return verify.apply(crypto.subtle, values);
      };
      try {
        const token = goodToken(context);
        for (let i = 0; i < 10; i += 1) await verifyIdToken(token, expected, keys, NOW);
        assert.equal(verified, 1);
        for (let i = 0; i < 500; i += 1) await verifyIdToken(signed(context, {}, { sub: `other ${i}` }), expected, keys, NOW);
        await verifyIdToken(token, expected, keys, NOW);
        assert.equal(verified, 502);
      } finally {
        crypto.subtle.verify = verify;
      }
    });
  });
});

describe('bearerToken', () => {
  it('reads the one header', () => {
    assert.equal(bearerToken({ authorization: ['Bearer abc'] }), 'abc');
    assert.equal(bearerToken({ authorization: ['bEARER abc'] }), 'abc');
  });

  for (const values of [undefined, [], [''], ['Bearer a', 'Bearer a'], ['Bearer'], ['Bearer  a'], ['Basic a'], ['Bearer a b']]) {
    it(`refuses ${JSON.stringify(values)}`, () => {
      assert.throws(() => bearerToken({ authorization: values }), isRefused);
    });
  }
});
