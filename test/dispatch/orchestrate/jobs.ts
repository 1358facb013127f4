/** Rows O1 to O5: the replies, one run, one job for one key, the job itself, its callback. */

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { Webhook as StandardWebhook } from 'standardwebhooks';
import { hashedId } from '../../../functions/core/hashed-id.ts';
import { JOB_KEYS } from '../../../functions/dispatch/orchestrate/job-keys.ts';
import { until } from '../../support/folder.ts';
import type { Refusal, TestStack } from '../../support/stack.ts';
import { WAIT_MS, type Webhook } from './webhook.ts';

export interface Answered {
  readonly status: string;
  readonly job_id: string;
  readonly mode: string;
  readonly result?: unknown;
  readonly error?: { readonly code: string; readonly message: string };
  readonly message?: string;
  readonly duration_ms?: number;
  readonly callback_url?: string;
}

export interface JobView extends Answered {
  readonly intent: string;
  readonly metrics: { readonly duration_ms: number; readonly cost_cents: number; readonly attempts: number };
  readonly logs: readonly { readonly at: string; readonly message: string }[];
  readonly created_at: string;
  readonly finished_at?: string;
}

export function jobs(stackOf: () => TestStack, hookOf: () => Webhook): void {
  const ask = <T = Answered>(body: object, headers?: Record<string, string>) => stackOf().post<T>('/orchestrate', body, headers);
  const job = async (id: string) => (await stackOf().get<JobView>(`/jobs/${id}`)).body;
  const done = async (id: string): Promise<JobView> => {
    await until(async () => !['queued', 'running'].includes((await job(id)).status));
    return job(id);
  };
  const triage = (inputs: object, more: object = {}) => ({ intent: 'gmail.triage', mode: 'flow', inputs, ...more });

  it('is answered with its result, in the documented shape', async () => {
    const { status, body } = await ask(triage({ test: 'shape' }));
    const { job_id, duration_ms, ...rest } = body;
    assert.deepEqual([status, rest], [200, { status: 'success', result: { processed: 15 }, mode: 'flow' }]);
    assert.match(job_id, /^job_[0-9a-f]{32}$/);
    assert.ok(Number(duration_ms) >= 0 && Number(duration_ms) < 5_000);
    const [call] = hookOf().calls('shape');
    const sent = JSON.parse(call?.body ?? '{}') as Record<string, unknown>;
    assert.deepEqual([sent.intent, sent.inputs], ['gmail.triage', { test: 'shape' }]);
  });

  it('that lasts longer than the wait is answered as accepted, runs once, and calls back once', async () => {
    const callback_url = `${hookOf().url}/callback/slow`;
    const asked = Date.now();
    const { status, body } = await ask(triage({ test: 'slow', afterMs: 3 * WAIT_MS }, { callback_url }));
    assert.ok(Date.now() - asked < 2.5 * WAIT_MS, `${Date.now() - asked} ms`);
    const { job_id, ...rest } = body;
    const message = 'Job accepted for async processing';
    assert.deepEqual([status, rest], [202, { status: 'accepted', mode: 'flow', message, callback_url }]);
    assert.equal((await job(job_id)).status, 'running');
    const ended = await done(job_id);
    assert.deepEqual([ended.status, ended.result, ended.metrics.attempts], ['success', { processed: 15 }, 1]);
    assert.ok(ended.metrics.duration_ms >= 3 * WAIT_MS);
    await until(() => hookOf().callbacks('slow').length > 0);
    await pause(500);
    assert.deepEqual([hookOf().calls('slow').length, hookOf().callbacks('slow').length], [1, 1]);
    const [told] = hookOf().callbacks('slow');
    const { keys } = (await stackOf().get<{ keys: string[] }>('/callbacks/key')).body;
    const verified = new StandardWebhook(keys[0] as string).verify(told?.body ?? '', told?.headers as Record<string, string>);
    const { logs, ...document } = verified as JobView;
    assert.deepEqual({ ...ended, logs }, { ...document, logs });
  });

  it('that fails says so, with the reason', async () => {
    const { status, body } = await ask(triage({ test: 'refused', status: 400 }));
    assert.deepEqual([status, body.status, body.error?.code, body.mode], [200, 'error', 'flow_refused', 'flow']);
    assert.equal((await job(body.job_id)).status, 'error');
    assert.equal(hookOf().calls('refused').length, 1);
  });

  it('is tried again, with the same idempotency key, and is one job', async () => {
    const { body } = await ask(triage({ test: 'again', status: 503 }));
    const ended = await done(body.job_id);
    assert.deepEqual([ended.status, ended.error?.code, ended.metrics.attempts], ['error', 'attempts_exhausted', 3]);
    const keys = hookOf()
      .calls('again')
      .map(({ headers }) => headers['idempotency-key']);
    assert.deepEqual([keys.length, new Set(keys).size], [3, 1]);
  });

  it('is one for the same inputs, however many ask at once', async () => {
    const asked = triage({ test: 'same', afterMs: 100 });
    const answers = await Promise.all(Array.from({ length: 8 }, () => ask(asked)));
    assert.equal(new Set(answers.map(({ body }) => body.job_id)).size, 1);
    const id = answers[0]?.body.job_id as string;
    await done(id);
    const again = await ask({ inputs: asked.inputs, intent: asked.intent });
    assert.deepEqual([again.status, again.body.job_id, again.body.result], [200, id, { processed: 15 }]);
    assert.equal(again.headers.get('idempotent-replayed'), 'true');
    assert.equal(hookOf().calls('same').length, 1);
  });

  it('is one for an idempotency key, which stands for these inputs alone', async () => {
    const idempotency_key = randomUUID();
    const first = await ask(triage({ test: 'key', n: 1 }, { idempotency_key }));
    assert.equal((await ask(triage({ test: 'key', n: 1 }, { idempotency_key }))).body.job_id, first.body.job_id);
    const { status, body } = await ask<Refusal>(triage({ test: 'key', n: 2 }, { idempotency_key }));
    assert.deepEqual([status, body.code], [422, 'idempotency_key_reused']);
    const other = await ask(triage({ test: 'key', n: 1 }, { idempotency_key: randomUUID() }));
    assert.notEqual(other.body.job_id, first.body.job_id);
    assert.equal(hookOf().calls('key').length, 2);
  });

  it('is another one after 24 hours', async () => {
    const idempotency_key = randomUUID();
    const first = await ask(triage({ test: 'day' }, { idempotency_key }));
    const { documents } = stackOf();
    const id = hashedId('default', 'job-key', idempotency_key);
    const hours = async (ago: number) => {
      const stored = await documents.get(JOB_KEYS, id);
      assert.ok(stored);
      const data = { ...stored.data, createdAt: Date.now() - ago * 3_600_000 };
      await documents.commit([{ kind: 'replace', collection: JOB_KEYS, id, version: stored.version, data }]);
    };
    await hours(23.9);
    assert.equal((await ask(triage({ test: 'day' }, { idempotency_key }))).body.job_id, first.body.job_id);
    await hours(24.1);
    const answers = await Promise.all(Array.from({ length: 4 }, () => ask(triage({ test: 'day' }, { idempotency_key }))));
    const ids = new Set(answers.map(({ body }) => body.job_id));
    assert.deepEqual([ids.size, ids.has(first.body.job_id)], [1, false]);
    assert.equal((await job(first.body.job_id)).status, 'success');
    await done([...ids][0] as string);
    assert.equal(hookOf().calls('day').length, 2);
  });

  it('is found by its id, with its logs, and why its mode was chosen', async () => {
    const { body } = await ask({ intent: 'custom', inputs: { test: 'logs' } });
    const view = await job(body.job_id);
    assert.deepEqual([view.intent, view.mode, view.status, view.metrics.attempts], ['custom', 'flow', 'success', 1]);
    assert.deepEqual(
      view.logs.map(({ message }) => message),
      ['mode flow, because nothing else fits', 'queued', 'running', 'succeeded'],
    );
    assert.ok(Date.parse(view.created_at) <= Date.parse(String(view.finished_at)));
    assert.equal((await job(body.job_id.replace('job_', ''))).job_id, body.job_id);
  });

  it('is none for an id that there is not, nor for a task that was not orchestrated', async () => {
    const task = await stackOf().run({});
    for (const id of ['job_none', 'none', `job_${task.id}`, task.id]) {
      const { status, body } = await stackOf().get<Refusal>(`/jobs/${id}`);
      assert.deepEqual([status, body.code], [404, 'job_not_found'], id);
    }
  });

  const bad: [what: string, body: object, field: string][] = [
    ['no intent', { inputs: {} }, 'intent'],
    ['a bad mode', { intent: 'custom', inputs: {}, mode: 'magic' }, 'mode'],
    ['inputs that are no object', { intent: 'custom', inputs: [] }, 'inputs'],
    ['an intent that there is not', { intent: 'no.such', inputs: {} }, 'intent'],
    ['an intent of another mode', { intent: 'custom', inputs: {}, mode: 'mcp' }, 'intent'],
    ['a callback that is no URL', { intent: 'custom', inputs: {}, callback_url: 'here' }, 'callback_url'],
    ['a field of another name', { intent: 'custom', inputs: {}, callbackUrl: 'https://example.com' }, 'callbackUrl'],
    ['a trace that is too large', { intent: 'custom', inputs: {}, trace: { a: 'x'.repeat(2_000) } }, 'trace'],
  ];
  for (const [what, body, field] of bad) {
    it(`is none for ${what}, which is named`, async () => {
      const { status, body: refusal } = await ask<Refusal>(body);
      assert.deepEqual([status, refusal.errors?.map((one) => one.field)], [422, [field]], JSON.stringify(refusal));
    });
  }

  it('is no other tenant’s, nor anybody’s without credentials', async () => {
    const { body } = await ask(triage({ test: 'mine' }));
    for (const path of ['/orchestrate', `/jobs/${body.job_id}`]) {
      const headers = { authorization: 'Bearer hg.aaaaaaaaaaaaaaaa.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' };
      const { status } =
        path === '/orchestrate' ? await ask(triage({ test: 'theirs' }), headers) : await stackOf().get(path, headers);
      assert.equal(status, 401, path);
    }
    assert.equal(hookOf().calls('theirs').length, 0);
  });
}
