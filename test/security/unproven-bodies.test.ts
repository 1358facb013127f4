import assert from 'node:assert/strict';
import { UNPROVEN_BODY_BYTES } from '../../functions/core/http.ts';
import type { Refusal } from '../support/stack.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';

describe('bodies of callers who have proved nothing', function () {
  this.timeout(20_000);
  let stack: EmbeddedTestStack;
  before(async () => {
    stack = await embeddedStack({ auth: 'required' });
  });
  after(() => stack.stop());

  const large = {
    epoch: 1,
    outcomeToken: 'light.x',
    job_id: 'x',
    outcome: { status: 'succeeded', result: 'x'.repeat(UNPROVEN_BODY_BYTES) },
  };
  const none = { authorization: '' };

  for (const path of ['/task-update/x', '/callbacks/ingest', '/task/x/renew']) {
    it(`${path} does not parse a large one`, async () => {
      const reply = await stack.post<Refusal>(path, large, none);
      assert.deepEqual([reply.status, reply.body.code], [413, 'request_too_large']);
    });
  }

  it('a caller with a key may report a large result, and is then judged by the outcome token', async () => {
    const reply = await stack.post<Refusal>('/task-update/x', { ...large, job_id: undefined });
    assert.deepEqual([reply.status, reply.body.code], [401, 'unauthenticated']);
  });
});

describe('a runtime without keys and without the check of pushes', function () {
  this.timeout(20_000);
  let stack: EmbeddedTestStack;
  before(async () => {
    stack = await embeddedStack({ 'oidc.verifyPush': false, auth: 'required' });
  });
  after(() => stack.stop());

  it('still wants a proof on /run', async () => {
    const reply = await stack.post<Refusal>('/run', { payload: {} }, { authorization: '' });
    assert.deepEqual([reply.status, reply.body.code], [401, 'unauthenticated']);
  });
});
