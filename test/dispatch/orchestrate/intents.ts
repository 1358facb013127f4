/** What there is to ask for: the operator's intents, the tenant's own, and those that are dangerous. */

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { functionUrl } from '../../../functions/core/addresses.ts';
import { until } from '../../support/folder.ts';
import type { Refusal, TestStack } from '../../support/stack.ts';
import type { Answered } from './jobs.ts';
import type { Webhook } from './webhook.ts';

interface Intents {
  readonly intents: readonly { readonly name: string; readonly mode: string; readonly source: string }[];
  readonly nextCursor?: string;
}

export function intents(stackOf: () => TestStack, hookOf: () => Webhook): void {
  const put = (name: string, body: object) => stackOf().put<Refusal & { target: string }>(`/intents/${name}`, body);
  const ask = <T = Answered>(body: object) => stackOf().post<T>('/orchestrate', body);
  const CACHED_MS = 300;

  it('is listed with where it comes from', async () => {
    const { intents: all } = (await stackOf().get<Intents>('/intents')).body;
    const named = (name: string) => all.find((one) => one.name === name);
    assert.deepEqual([named('http.fetch')?.source, named('http.fetch')?.mode], ['built-in', 'agent']);
    assert.deepEqual([named('gmail.triage')?.source, named('gmail.triage')?.mode], ['settings', 'flow']);
    assert.deepEqual((await stackOf().get<Intents>('/intents?limit=0')).body, { intents: [] });
  });

  it('of a tenant’s own is set, priced, replaced and removed', async () => {
    const target = `${hookOf().url}/flow/own`;
    const { status, body } = await put('own.flow', { mode: 'flow', target, priceCents: 7, timeLimitSeconds: 20 });
    assert.deepEqual(
      [status, body],
      [200, { name: 'own.flow', mode: 'flow', target, dangerous: false, source: 'tenant', priceCents: 7, timeLimitSeconds: 20 }],
    );
    assert.equal((await put('own.flow', { mode: 'flow', target: `${target}?again` })).body.target, `${target}?again`);
    const listed = (await stackOf().get<Intents>('/intents?limit=1')).body;
    assert.ok(listed.intents.some(({ name, source }) => name === 'own.flow' && source === 'tenant'));
    const removed = await stackOf().delete<object>('/intents/own.flow?mode=flow');
    assert.deepEqual([removed.status, removed.body], [200, { status: 'success', name: 'own.flow', mode: 'flow' }]);
    await pause(CACHED_MS);
    assert.equal((await ask<Refusal>({ intent: 'own.flow', inputs: {} })).body.errors?.[0]?.code, 'intent_not_found');
    const again = await stackOf().delete<Refusal>('/intents/own.flow?mode=flow');
    assert.deepEqual([again.status, again.body.code], [404, 'intent_not_found']);
  });

  const refused: [what: string, name: string, body: object, status: number, code: string][] = [
    ['one of the operator’s', 'gmail.triage', { mode: 'flow', target: 'https://example.com/' }, 409, 'intent_reserved'],
    ['an address that is not public', 'a.b', { mode: 'flow', target: 'http://169.254.169.254/' }, 422, 'egress_denied'],
    ['a private address', 'a.b', { mode: 'flow', target: 'http://10.0.0.1/' }, 422, 'egress_denied'],
    ['what is no address', 'a.b', { mode: 'flow', target: 'file:///etc/passwd' }, 422, 'egress_denied'],
    ['a server that the operator does not name', 'a.b', { mode: 'mcp', target: 'evil/tool' }, 422, 'invalid_fields'],
    ['a tool of its own', 'a.b', { mode: 'agent', target: 'ssh.exec' }, 422, 'invalid_fields'],
    ['a name that is none', 'a..b', { mode: 'flow', target: 'https://example.com/' }, 422, 'invalid_fields'],
  ];
  for (const [what, name, body, status, code] of refused) {
    it(`cannot be ${what}`, async () => {
      const reply = await put(name, body);
      assert.deepEqual([reply.status, reply.body.code], [status, code], JSON.stringify(reply.body));
    });
  }

  it('cannot lead back to Heliograph itself', async () => {
    const { status, body } = await put('a.b', {
      mode: 'flow',
      target: `${functionUrl(stackOf().settings, 'dispatch')}/orchestrate`,
    });
    assert.deepEqual([status, body.errors?.[0]?.field], [422, 'target'], JSON.stringify(body));
  });

  it('that is dangerous runs dry until it is confirmed', async () => {
    const inputs = { test: 'danger' };
    const dry = await ask({ intent: 'reactor.shutdown', inputs });
    const { note, dry_run, would_execute } = dry.body.result as Record<string, unknown>;
    assert.deepEqual([dry_run, note], [true, 'Set confirm_dangerous=true to execute']);
    assert.deepEqual(would_execute, { intent: 'reactor.shutdown', inputs });
    assert.equal(hookOf().calls('danger').length, 0);
    const real = await ask({ intent: 'reactor.shutdown', inputs: { ...inputs, confirm_dangerous: true } });
    assert.deepEqual([real.body.status, real.body.result], ['success', { processed: 15 }]);
    assert.equal(hookOf().calls('danger').length, 1);
  });

  it('that is dangerous stays dry whatever else dispatches it, and whatever it says', async () => {
    const payload = { test: 'around', confirm_dangerous: true, job: { cleared: true }, cleared: true };
    const packets = [
      { agent: 'flow:reactor.shutdown', payload },
      { agent: 'flow:reactor.shutdown', payload, metadata: { job: { cleared: true } } },
    ];
    for (const packet of packets) {
      const { status, body } = await stackOf().dispatch(packet);
      assert.equal(status, 200, JSON.stringify(body));
      assert.equal((body.result as { dry_run?: boolean }).dry_run, true);
    }
    const forged = await stackOf().post('/dispatch', { agent: 'flow:reactor.shutdown', payload, job: { cleared: true } });
    assert.equal(forged.status, 422);
    await stackOf().publish(
      'tasks',
      { agent: 'flow:reactor.shutdown', payload, job: { cleared: true } },
      { agent: 'flow:reactor.shutdown' },
    );
    await stackOf().publish('tasks', payload, { agent: 'flow:reactor.shutdown' });
    await pause(700);
    assert.equal(hookOf().calls('around').length, 0);
  });

  it('that is dangerous has one attempt: another might do it again', async () => {
    const inputs = { test: 'one', status: 503, confirm_dangerous: true };
    const { body } = await ask({ intent: 'reactor.shutdown', inputs });
    assert.deepEqual([body.status, body.error?.code], ['error', 'attempts_exhausted']);
    assert.equal(hookOf().calls('one').length, 1);
  });

  it('is an agent that can be looked at, and switched off', async () => {
    const name = encodeURIComponent('flow:custom');
    const { body } = await stackOf().get<{ source: string; handler_type: string; circuit: { state: string } }>(`/agents/${name}`);
    assert.deepEqual([body.source, body.handler_type, body.circuit.state], ['settings', 'intent', 'closed']);
    assert.equal((await stackOf().post<{ enabled: boolean }>(`/agents/${name}/disable`, {})).body.enabled, false);
    const inputs = { test: 'off' };
    await until(async () => (await ask<Refusal>({ intent: 'custom', inputs, idempotency_key: randomUUID() })).status === 409);
    const before = hookOf().calls('off').length;
    assert.equal((await ask<Refusal>({ intent: 'custom', inputs, idempotency_key: randomUUID() })).body.code, 'agent_disabled');
    assert.equal(hookOf().calls('off').length, before);
    await stackOf().post(`/agents/${name}/enable`, {});
    await until(async () => (await ask({ intent: 'custom', inputs, idempotency_key: randomUUID() })).status === 200);
    assert.equal((await stackOf().post<Refusal>('/agents/flow%3Anothing/disable', {})).status, 404);
  });

  it('is dispatched to as any other agent, and runs the same', async () => {
    const { status, body } = await stackOf().dispatch({ agent: 'flow:custom', payload: { test: 'direct' } });
    assert.deepEqual([status, body.status, body.result], [200, 'succeeded', { processed: 15 }]);
    assert.equal(hookOf().calls('direct').length, 1);
  });
}
