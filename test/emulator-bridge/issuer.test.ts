import assert from 'node:assert/strict';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GoogleAuth } from 'google-auth-library';
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { type Issuer, startIssuer } from '../../emulator-bridge/issuer.ts';

const EMAIL = 'heliograph-push@p-local.iam.gserviceaccount.com';
const AUDIENCE = 'http://127.0.0.1:1/pubsub/push';

describe('local issuer', () => {
  let folder: string;
  const open: Issuer[] = [];
  let now = Date.now();

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'heliograph-issuer-'));
    now = Date.now();
  });
  afterEach(async () => {
    for (const issuer of open.splice(0)) await issuer.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function start(): Promise<Issuer> {
    const issuer = await startIssuer({ folder, project: 'p-local', projectNumber: '7', now: () => now });
    open.push(issuer);
    return issuer;
  }

  async function verify(issuer: Issuer, token: string) {
    const jwks = (await (await fetch(issuer.jwksUrl)).json()) as Parameters<typeof createLocalJWKSet>[0];
    return jwtVerify(token, createLocalJWKSet(jwks), { issuer: issuer.url, audience: AUDIENCE, algorithms: ['RS256'] });
  }

  it("signs tokens of Google's shape", async () => {
    const issuer = await start();
    const token = await issuer.token({ email: EMAIL, audience: AUDIENCE });
    const { payload, protectedHeader } = await verify(issuer, token);
    assert.deepEqual(Object.keys(protectedHeader).sort(), ['alg', 'kid', 'typ']);
    assert.deepEqual([protectedHeader.alg, protectedHeader.typ], ['RS256', 'JWT']);
    assert.deepEqual(Object.keys(payload).sort(), ['aud', 'azp', 'email', 'email_verified', 'exp', 'iat', 'iss', 'sub']);
    assert.equal(payload.email_verified, true);
    assert.equal((payload.exp ?? 0) - (payload.iat ?? 0), 3600);
    assert.match(payload.sub ?? '', /^\d{21}$/);
    assert.equal(payload.azp, payload.sub);
  });

  it('gives the same token again until five minutes before its end', async () => {
    const issuer = await start();
    const first = await issuer.token({ email: EMAIL, audience: AUDIENCE });
    now += 54 * 60_000;
    assert.equal(await issuer.token({ email: EMAIL, audience: AUDIENCE }), first);
    assert.notEqual(await issuer.token({ email: EMAIL, audience: `${AUDIENCE}2` }), first);
    now += 2 * 60_000;
    assert.notEqual(await issuer.token({ email: EMAIL, audience: AUDIENCE }), first);
  });

  it('says at / too where its keys are', async () => {
    const { url, jwksUrl } = await start();
    for (const path of ['/', '/.well-known/openid-configuration'])
      assert.equal(((await (await fetch(url + path)).json()) as { jwks_uri: string }).jwks_uri, jwksUrl);
    assert.equal((await fetch(`${url}/nothing`)).status, 404);
  });

  it('keeps the old key published after a rotation', async () => {
    const issuer = await start();
    const before = await issuer.token({ email: EMAIL, audience: AUDIENCE });
    await issuer.rotate();
    const after = await issuer.token({ email: EMAIL, audience: AUDIENCE });
    assert.notEqual(decodeProtectedHeader(before).kid, decodeProtectedHeader(after).kid);
    await verify(issuer, before);
    await verify(issuer, after);
  });

  it('keeps keys and name over a restart, readable by the owner alone', async () => {
    const first = await start();
    const token = await first.token({ email: EMAIL, audience: AUDIENCE });
    await first.close();
    const second = await start();
    assert.equal(second.url, first.url);
    await verify(second, token);
    assert.equal((await stat(join(folder, 'issuer.json'))).mode & 0o777, 0o600);
  });

  it('publishes no private part of a key, cacheably', async () => {
    const issuer = await start();
    const response = await fetch(issuer.jwksUrl);
    assert.match(response.headers.get('cache-control') ?? '', /max-age=\d+/);
    const { keys } = (await response.json()) as { keys: Record<string, string>[] };
    assert.deepEqual(
      keys.map((key) => Object.keys(key).sort()),
      [['alg', 'e', 'kid', 'kty', 'n', 'use']],
    );
  });

  describe('metadata server', () => {
    const path = '/computeMetadata/v1/instance/service-accounts/default/identity';
    const rows: [string, string, Record<string, string>, number][] = [
      ['an identity', `${path}?audience=a`, { 'metadata-flavor': 'Google' }, 200],
      ['no flavor', `${path}?audience=a`, {}, 403],
      ['another flavor', `${path}?audience=a`, { 'metadata-flavor': 'google' }, 403],
      ['a forwarded request', `${path}?audience=a`, { 'metadata-flavor': 'Google', 'x-forwarded-for': '10.0.0.1' }, 403],
      ['no audience', path, { 'metadata-flavor': 'Google' }, 400],
      ['an empty audience', `${path}?audience=`, { 'metadata-flavor': 'Google' }, 400],
      ["another account's identity", `${path.replace('default', 'b@c')}?audience=a`, { 'metadata-flavor': 'Google' }, 404],
      ['an access token', path.replace('identity', 'token'), { 'metadata-flavor': 'Google' }, 404],
      ['the probe', '/computeMetadata/v1/instance', { 'metadata-flavor': 'Google' }, 200],
    ];
    for (const [name, target, headers, status] of rows) {
      it(`answers ${name} with ${status}`, async () => {
        const { host } = await (await start()).metadata(EMAIL);
        const response = await fetch(`http://${host}${target}`, { headers });
        assert.equal(response.status, status);
        assert.equal(response.headers.get('metadata-flavor'), 'Google');
      });
    }

    it('serves google-auth-library', async () => {
      const issuer = await start();
      const { host } = await issuer.metadata(EMAIL);
      const before = { ...process.env };
      process.env.GCE_METADATA_HOST = host;
      process.env.METADATA_SERVER_DETECTION = 'assume-present';
      try {
        const client = await new GoogleAuth().getIdTokenClient(AUDIENCE);
        const { payload } = await verify(issuer, await client.idTokenProvider.fetchIdToken(AUDIENCE));
        assert.equal(payload.email, EMAIL);
      } finally {
        process.env = before;
      }
    });
  });
});
