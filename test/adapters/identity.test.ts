import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { googleIdentity } from '../../functions/adapters/identity.ts';
import type { Clock } from '../../functions/core/ports.ts';
import { signed } from '../security/forge.ts';
import { contextOf, NOW, newPrivateKey } from '../security/issuer.ts';

const AUDIENCE = 'https://heliograph-agent-light-1.us-central1.run.app/run';
const context = contextOf('one', newPrivateKey());

/** Where a developer's own credentials are, they would come before the metadata server. */
const ENVIRONMENT = {
  METADATA_SERVER_DETECTION: 'assume-present',
  GOOGLE_APPLICATION_CREDENTIALS: '',
  GOOGLE_CLOUD_PROJECT: 'heliograph-local',
  HOME: '/nonexistent',
};

describe('googleIdentity', function () {
  this.timeout(20_000);

  const before = { ...process.env };
  let server: Server;
  let asked: (string | null)[] = [];
  let down = false;
  let nowMs = NOW;
  const newIdentity = () => googleIdentity({ clock: { now: () => nowMs } as Clock, projectId: 'heliograph-local' });

  beforeEach(async () => {
    asked = [];
    down = false;
    nowMs = NOW;
    server = createServer((request, response) => {
      const url = new URL(request.url as string, 'http://metadata');
      const audience = url.searchParams.get('audience');
      response.setHeader('metadata-flavor', 'Google');
      const known = url.pathname === '/computeMetadata/v1/instance/service-accounts/default/identity';
      if (down || !known || request.headers['metadata-flavor'] !== 'Google') return void response.writeHead(404).end();
      asked.push(audience);
      const exp = Math.floor(nowMs / 1000) + 3600;
      response.end(Number.isNaN(exp) ? 'no token' : signed(context, {}, { aud: audience, exp, jti: asked.length }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    Object.assign(process.env, ENVIRONMENT, { GCE_METADATA_HOST: `127.0.0.1:${(server.address() as AddressInfo).port}` });
  });

  afterEach(() => {
    server.close();
    server.closeAllConnections();
    for (const name of ['GCE_METADATA_HOST', ...Object.keys(ENVIRONMENT)]) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
  });

  it('mints one token per audience, shared by all who ask at the same time', async () => {
    const identity = newIdentity();
    const tokens = await Promise.all(Array.from({ length: 20 }, () => identity.idToken(AUDIENCE)));
    assert.equal(new Set(tokens).size, 1);
    assert.deepEqual(asked, [AUDIENCE]);
    await identity.idToken('https://other.example');
    assert.deepEqual(asked, [AUDIENCE, 'https://other.example']);
  });

  it('keeps a token until five minutes before it expires', async () => {
    const identity = newIdentity();
    const first = await identity.idToken(AUDIENCE);
    nowMs += 3_299_000;
    assert.equal(await identity.idToken(AUDIENCE), first);
    nowMs += 1_000;
    assert.notEqual(await identity.idToken(AUDIENCE), first);
    assert.equal(asked.length, 2);
  });

  it('does not keep what is no token', async () => {
    const identity = newIdentity();
    nowMs = Number.NaN;
    await assert.rejects(identity.idToken(AUDIENCE));
    nowMs = NOW;
    assert.ok(await identity.idToken(AUDIENCE));
  });

  it('tries again after a failure', async () => {
    const identity = newIdentity();
    down = true;
    await assert.rejects(identity.idToken(AUDIENCE));
    down = false;
    assert.ok(await identity.idToken(AUDIENCE));
  });

  it('refuses an audience that would become another query', async () => {
    for (const audience of [`${AUDIENCE}?x`, `${AUDIENCE}&format=x`, `${AUDIENCE}#x`, 'a b', '', 'ä']) {
      await assert.rejects(newIdentity().idToken(audience), TypeError);
    }
    assert.deepEqual(asked, []);
  });

  it('rejects where there is no metadata server', async () => {
    process.env.METADATA_SERVER_DETECTION = 'none';
    await assert.rejects(newIdentity().idToken(AUDIENCE));
    assert.deepEqual(asked, []);
  });
});
