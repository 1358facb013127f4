import assert from 'node:assert/strict';
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { functionUrl, pushAccountEmail, pushAudience } from '../../functions/core/addresses.ts';
import { type Forgery, forgedTokens, goodToken } from '../security/forged-tokens.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';

const endpoints: [functionName: string, path: string][] = [
  ['agent-light', '/pubsub/push'],
  ['agent-light', '/run'],
  ['codex', '/pubsub/push'],
  ['codex', '/run'],
  ['results', '/pubsub/results'],
  ['callbacks', '/pubsub/callbacks'],
  ['dead-letters', '/pubsub/dead-tasks'],
  ['dead-letters', '/pubsub/dead-results'],
  ['dead-letters', '/pubsub/dead-callbacks'],
  ['dead-letters', '/pubsub/dead-backups'],
  ['backups', '/pubsub/backups'],
  ['backups', '/sweep-backups'],
  ['sweeper', '/sweep'],
  ['dispatch', '/task/some-task/claim'],
  ['dispatch', '/task/adopt'],
];

describe('forged tokens at a running stack', function () {
  this.timeout(60_000);
  let stack: EmbeddedTestStack;
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  before(async () => {
    // No sweep of its own reads while the store is watched.
    stack = await embeddedStack({ auth: 'required', 'times.sweepMs': 59_999 });
  });
  after(async () => {
    agent.destroy();
    await stack.stop();
  });

  function contextOf(name: string, path: string) {
    const { issuer } = stack.local;
    const audience = name === 'dispatch' ? functionUrl(stack.settings, name) : pushAudience(stack.settings, name, path);
    const email =
      name === 'dispatch' ? 'heliograph-codex@heliograph-local.iam.gserviceaccount.com' : pushAccountEmail(stack.settings);
    const { kid, privateKey } = signingKey();
    return { issuer: issuer.url, audience, email, kid, privateKey, nowMs: Date.now() };
  }

  /** The issuer's own key: the forgeries are properly signed, and wrong elsewhere. */
  function signingKey(): { kid: string; privateKey: KeyObject } {
    const folder = stack.settings.dataDir;
    const texts = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.json'))
      .map((name) => readFileSync(join(folder, name), 'utf8'));
    for (const text of texts) {
      const found = jwksIn(JSON.parse(text)).find((key) => typeof key.d === 'string' && typeof key.kid === 'string');
      if (found !== undefined) return { kid: String(found.kid), privateKey: createPrivateKey({ key: found, format: 'jwk' }) };
    }
    throw new Error('the issuer keeps no key');
  }

  function send(url: string, authorization: readonly string[]): Promise<number> {
    const body = url.endsWith('/adopt') ? ADOPTION : BODY;
    const headers = ['host', new URL(url).host, 'content-type', 'application/json', 'content-length', String(body.length)];
    for (const value of authorization) headers.push('authorization', value);
    return new Promise((resolve, reject) => {
      const outgoing = request(url, { method: 'POST', agent, headers }, (reply) => {
        reply.resume().on('end', () => resolve(reply.statusCode ?? 0));
      });
      outgoing.on('error', reject).end(body);
    });
  }

  for (const [name, path] of endpoints) {
    it(`are all 401 at ${name} ${path}, before anything is read or written`, async () => {
      const context = contextOf(name, path);
      const url = `${stack.local.functionUrls[name]}${path}`;
      const corpus = sendable(context);
      assert.ok(corpus.length >= 250, `${corpus.length}`);
      const before = { ...stack.counts };
      const statuses: number[] = [];
      for (let start = 0; start < corpus.length; start += 16) {
        statuses.push(...(await Promise.all(corpus.slice(start, start + 16).map((one) => send(url, one.authorization)))));
      }
      const passed = corpus.flatMap((one, index) =>
        isRefusal(name, one, statuses[index]) ? [] : [`${one.name}: ${statuses[index]}`],
      );
      assert.deepEqual(passed, []);
      assert.deepEqual(stack.counts, before);
      const good = await send(url, [`Bearer ${goodToken(context)}`]);
      assert.notEqual(good, 401, 'the good token is refused too: the corpus shows nothing');
    });
  }
});

type Sendable = Forgery & { readonly authorization: readonly string[] };

/** What is a second too early or too late is made with five to spare, since sending takes time. */
function sendable(context: Parameters<typeof forgedTokens>[0]): Sendable[] {
  const [earlier, later] = [-5_000, 5_000].map((ms) => forgedTokens({ ...context, nowMs: context.nowMs + ms }));
  const all = (earlier ?? []).map((one, index) => (/^(iat|nbf) \d/.test(one.name) ? (later?.[index] ?? one) : one));
  return all.filter((one): one is Sendable => one.authorization !== undefined);
}

/** At `dispatch` any proven caller is known, so a well-signed token of a stranger is 403 there. */
const isRefusal = (name: string, { name: forgery }: Forgery, status: number | undefined): boolean =>
  status === 401 || (name === 'dispatch' && forgery.startsWith('email "') && status === 403);

/** A claim as it should be, so that nothing but the token is wrong. */
const BODY = JSON.stringify({ agent: 'codex', requestId: 'r'.repeat(20), quoteCents: 0, timeLimitMs: 1_000 });
const ADOPTION = JSON.stringify({
  ...JSON.parse(BODY),
  message: { messageId: 'm', data: 'e30=', attributes: { agent: 'codex' }, publishTime: 0 },
});

type Jwk = Record<string, unknown>;

/** Every object with a key type, however deep. */
function jwksIn(value: unknown): Jwk[] {
  if (typeof value !== 'object' || value === null) return [];
  const own = 'kty' in value ? [value as Jwk] : [];
  return [...own, ...Object.values(value).flatMap(jwksIn)];
}
