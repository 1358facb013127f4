import assert from 'node:assert/strict';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Problem } from '../../functions/core/errors.ts';
import { bearerToken, verifyIdToken } from '../../functions/core/push.ts';
import { type Forgery, forgedTokens, goodToken } from './forged-tokens.ts';
import { AUDIENCE, contextOf, EMAIL, ISSUER, isRefused, memoryKeys, NOW, newPrivateKey } from './issuer.ts';

const context = contextOf('4f2a9c', newPrivateKey());
const expected = { issuer: ISSUER, audience: AUDIENCE, emails: [EMAIL] };
const corpus = forgedTokens(context);

describe('forged tokens', function () {
  this.timeout(20_000);

  it('are at least 60 kinds, no two alike', () => {
    const names = corpus.map(({ name }) => name);
    assert.equal(new Set(names).size, names.length);
    assert.ok(names.length >= 60, `${names.length}`);
    const tokens = corpus.flatMap(({ token }) => token ?? []);
    assert.equal(new Set(tokens).size, tokens.length);
    assert.ok(!tokens.includes(goodToken(context)));
  });

  it('are all refused by verifyIdToken, and none is repeated in the refusal', async () => {
    const keys = await memoryKeys(context);
    for (const { name, token } of corpus) {
      if (token === undefined) continue;
      await assert.rejects(
        verifyIdToken(token, expected, keys, NOW),
        (error: Error) => isRefused(error) && (token.length < 20 || !error.message.includes(token.slice(-20))),
        name,
      );
    }
  });

  it('are all refused after the good token was accepted, which still is', async () => {
    const keys = await memoryKeys(context);
    const good = goodToken(context);
    await verifyIdToken(good, expected, keys, NOW);
    for (const { name, token } of corpus) {
      if (token !== undefined) await assert.rejects(verifyIdToken(token, expected, keys, NOW), isRefused, name);
    }
    assert.equal((await verifyIdToken(good, expected, keys, NOW)).email, EMAIL);
  });

  it('are all answered 401 over HTTP', async () => {
    const keys = await memoryKeys(context);
    let admitted = 0;
    const server = createServer(async (incoming, outgoing) => {
      try {
        await verifyIdToken(bearerToken(incoming.headersDistinct), expected, keys, NOW);
        admitted += 1;
        outgoing.writeHead(204).end();
      } catch (error) {
        outgoing.writeHead(error instanceof Problem ? error.status : 500).end();
      }
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    try {
      for (const forgery of corpus) {
        if (forgery.authorization !== undefined) assert.equal(await statusOf(port, forgery), 401, forgery.name);
      }
      assert.equal(admitted, 0);
      for (const scheme of ['Bearer', 'bearer', 'BEARER']) {
        const good = { name: scheme, authorization: [`${scheme} ${goodToken(context)}`] };
        assert.equal(await statusOf(port, good), 204, scheme);
      }
    } finally {
      server.close();
      server.closeAllConnections();
    }
  });

  it('includes every one-byte change of a good token: 10,000 and more, none accepted', async () => {
    const keys = await memoryKeys(context);
    const good = goodToken(context);
    const changed = [...mutations(good)];
    assert.ok(changed.length >= 10_000, `${changed.length}`);
    const accepted = await Promise.all(
      changed.map((token) =>
        verifyIdToken(token, expected, keys, NOW).then(
          () => [token],
          (error) => (isRefused(error) ? [] : [String(error)]),
        ),
      ),
    );
    assert.deepEqual(accepted.flat(), []);
    await verifyIdToken(good, expected, keys, NOW);
  });
});

/** At each place: the eight single-bit changes, the letters beside it in base64url, something inserted, and the letter left out. */
function* mutations(token: string): Generator<string> {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  for (let at = 0; at < token.length; at += 1) {
    const [before, letter, after] = [token.slice(0, at), token[at] as string, token.slice(at + 1)];
    const code = letter.charCodeAt(0);
    const place = alphabet.indexOf(letter);
    const others = new Set([1, 2, 4, 8, 16, 32, 64, 128].map((bit) => String.fromCharCode(code ^ bit)));
    for (const step of [1, 2, 3, 5, 9, 17, 33]) others.add(alphabet[(place + step) % 64] as string);
    others.delete(letter);
    for (const other of others) yield before + other + after;
    yield before + after;
    yield before + letter + letter + after;
  }
}

function statusOf(port: number, { authorization = [] }: Forgery): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ port, host: '127.0.0.1' }, (incoming) => {
      incoming.resume();
      resolve(incoming.statusCode);
    });
    if (authorization.length > 0) outgoing.setHeader('authorization', authorization);
    outgoing.on('error', reject).end();
  });
}
