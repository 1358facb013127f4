/** Tokens whose signature Cloud Run has checked and taken off: what the gate of a push function makes of them. */

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { closeServer, listenLoopback } from '../../emulator-bridge/loopback.ts';
import { systemClock } from '../../functions/adapters/clock.ts';
import { guardedEgress } from '../../functions/adapters/egress.ts';
import { systemIds } from '../../functions/adapters/ids.ts';
import { functionUrl } from '../../functions/core/addresses.ts';
import { defineAgent } from '../../functions/core/agent/define-agent.ts';
import { httpsProtocol } from '../../functions/core/agent/https-protocol.ts';
import type { Attempt } from '../../functions/core/agent/protocol.ts';
import { Problem } from '../../functions/core/errors.ts';
import { admitPush } from '../../functions/core/push-gate.ts';
import { readSettings } from '../../functions/core/settings.ts';
import { httpListener } from '../support/http-listener.ts';
import { silent } from '../support/stack.ts';
import { type ForgeryContext, goodToken, type Part, signed } from './forge.ts';
import { forgedClaims } from './forged-claims.ts';
import { contextOf, memoryKeys, NOW, newPrivateKey } from './issuer.ts';

const cloud = { runtime: 'cloud', project: 'acme-agents', projectNumber: '123456789012' };
const guarded = readSettings({}, { ...cloud, 'oidc.behindIam': true });
const open = readSettings({}, cloud);
const context: ForgeryContext = {
  ...contextOf('4f2a9c', newPrivateKey()),
  audience: functionUrl(guarded, 'results'),
  email: 'heliograph-push@acme-agents.iam.gserviceaccount.com',
};
const removed = (token: string): string => `${token.slice(0, token.lastIndexOf('.'))}.SIGNATURE_REMOVED_BY_GOOGLE`;
const checked = (claims: Part, header: Part = {}): string => removed(signed(context, header, claims));

/** The answer of the gate of `results` to these headers: 204, or the problem's status. */
async function statusOf(settings: typeof guarded, headers: Record<string, string>): Promise<number> {
  const gate = { settings, name: 'results', tokenKeys: await memoryKeys(context), clock: { ...unused, now: () => NOW } };
  const server = createServer(async (request, response) => {
    const status = await admitPush(gate, request, '/pubsub/results').then(
      () => 204,
      (error) => (error instanceof Problem ? error.status : 500),
    );
    response.writeHead(status).end();
  });
  const port = await listenLoopback(server, 0);
  try {
    const { status } = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', headers });
    return status;
  } finally {
    await closeServer(server);
  }
}

const unused = { sleep: () => Promise.reject(new Error('not used')), after: () => () => {} };
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

describe('a token without its signature', () => {
  it('is admitted behind IAM, when all it says is right', async () => {
    assert.equal(await statusOf(guarded, bearer(removed(goodToken(context)))), 204);
  });

  it('is refused where no IAM stands before the function', async () => {
    assert.equal(await statusOf(open, bearer(removed(goodToken(context)))), 401);
  });

  it('is refused beside another token, which would be the one that was checked', async () => {
    const headers = { ...bearer(removed(goodToken(context))), 'x-serverless-authorization': `Bearer ${goodToken(context)}` };
    assert.equal(await statusOf(guarded, headers), 401);
  });

  it('is refused behind IAM in every way in which its claims can be wrong', async () => {
    const tokens = forgedClaims(context).map(([name, token]) => [name, removed(token)] as const);
    assert.ok(tokens.length > 60);
    for (const [name, token] of tokens) assert.equal(await statusOf(guarded, bearer(token)), 401, name);
  });

  const rows: [string, string][] = [
    ['with another algorithm', checked({}, { alg: 'none' })],
    ['without a key id', checked({}, { kid: undefined })],
    ['with a key of its own', checked({}, { jwk: {} })],
    ['of one part', 'e30.SIGNATURE_REMOVED_BY_GOOGLE'],
    ['of no part', '.SIGNATURE_REMOVED_BY_GOOGLE'],
    ['with the mark twice', `${removed(goodToken(context))}.SIGNATURE_REMOVED_BY_GOOGLE`],
    [
      'with the mark in small letters',
      removed(goodToken(context)).replace('SIGNATURE_REMOVED_BY_GOOGLE', 'signature_removed_by_google'),
    ],
    ['with something behind the mark', `${removed(goodToken(context))}A`],
    ['with nothing in the place of the signature', removed(goodToken(context)).replace('SIGNATURE_REMOVED_BY_GOOGLE', '')],
  ];
  for (const [name, token] of rows) {
    it(`is refused behind IAM ${name}`, async () => assert.equal(await statusOf(guarded, bearer(token)), 401));
  }

  it('leaves the check of a whole token as it is: a good one passes, a forged one does not', async () => {
    assert.equal(await statusOf(guarded, bearer(goodToken(context))), 204);
    const forged = signed(context, {}, {}, newPrivateKey());
    assert.equal(await statusOf(guarded, bearer(forged)), 401);
  });

  it('is not what an agent’s own call leads to: the header that Cloud Run checks first carries the token too', async () => {
    await using release = new AsyncDisposableStack();
    const dispatch = release.adopt(await httpListener(), (it) => it.close());
    const settings = readSettings({}, { runtime: 'embedded', functionUrls: { dispatch: dispatch.url } });
    const egress = release.adopt(guardedEgress({ allowLoopback: true, operatorOrigins: [dispatch.url] }), (it) => it.close());
    const identity = { idToken: async () => goodToken(context) };
    const codex = defineAgent({ name: 'codex', priceCents: 5, handlers: { none: () => null } });
    const parts = { settings, egress, identity, ids: systemIds(), clock: systemClock(), log: silent };
    const protocol = httpsProtocol(parts, codex);
    await protocol.note({ taskId: 'a1', epoch: 1, outcomeToken: 'o1' } as Attempt, 'half done');
    const { authorization, 'x-serverless-authorization': checked } = dispatch.received[0]?.headers ?? {};
    assert.deepEqual([authorization, checked], [`Bearer ${goodToken(context)}`, `Bearer ${goodToken(context)}`]);
  });

  it('cannot be made acceptable to a local runtime', () => {
    for (const runtime of ['embedded', 'emulators']) {
      assert.throws(() => readSettings({ ORCHESTRATOR_OIDC_BEHIND_IAM: 'true' }, { runtime }), { code: 'invalid_settings' });
    }
  });
});
