/** Rows F1, F3, F5, F6 and F7: agents are registered, tasks are submitted to them, watched, repeated, and refused. */

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { until } from '../support/folder.ts';
import type { Refusal, View } from '../support/stack.ts';
import { at, events, type Fog } from './kit.ts';

export function registersAgents(fog: () => Fog): void {
  const register = <T = object>(agent: object) => fog().stack.post<T>('/register-agent', agent);

  it('registers an agent by name and endpoint, as http, and sends it its tasks', async () => {
    const { status, body } = await register({ name: 'Code Analyzer', endpoint: fog().agent.url });
    assert.deepEqual([status, body], [200, { status: 'success', agent_name: 'Code Analyzer' }]);
    const view = await fog().ended(await fog().submit({ system_name: 'Code Analyzer', payload: { look: 'here' } }));
    assert.deepEqual([view.status, view.result], ['succeeded', { look: 'here' }]);
    assert.equal((await fog().stack.get('/agents/Code%20Analyzer')).body.handler_type, 'http');
  });

  for (const missing of ['name', 'endpoint']) {
    it(`answers 422 without ${missing}, and names it`, async () => {
      const { status, body } = await register<Refusal>({ name: 'half', endpoint: fog().agent.url, [missing]: undefined });
      assert.deepEqual([status, body.errors?.map(({ field }) => field)], [422, [missing]]);
    });
  }

  it('replaces an agent of the same name', async () => {
    await register({ name: 'replaced', endpoint: 'http://127.0.0.1:9/gone' });
    const { status } = await register({ name: 'replaced', endpoint: fog().agent.url });
    assert.equal(status, 200);
    assert.equal((await fog().stack.get('/agents/replaced')).body.endpoint, fog().agent.url);
    assert.equal((await fog().ended(await fog().submit({ system_name: 'replaced' }))).status, 'succeeded');
  });

  it('answers 422 to an unknown type, and registers nothing', async () => {
    const { status, body } = await register<Refusal>({ name: 'odd', endpoint: fog().agent.url, handler_type: 'grpc' });
    assert.deepEqual([status, body.errors?.map(({ field }) => field)], [422, ['handler_type']]);
    assert.equal((await fog().stack.get('/agents/odd')).status, 404);
  });
}

export function submitsTasks(fog: () => Fog): void {
  const required = { system_name: 'worker', module_name: 'core', task_type: 'analysis' };

  it('takes the required fields alone, and fills in the rest', async () => {
    const { status, body } = await fog().stack.post<{ status: string; task_id: string }>('/submit-task', required);
    assert.deepEqual([status, body.status], [200, 'success']);
    assert.match(body.task_id, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    await fog().ended(body.task_id);
    const defaults = { constraints: [], dependencies: [], business_rules: [], philosophy_tags: [], payload: {} };
    const packet = { ...required, task_id: body.task_id, ...defaults, backup_id: null, priority: 0, max_retries: 3 };
    const view = await fog().status(body.task_id);
    assert.deepEqual({ ...view, ...packet }, view);
  });

  for (const missing of Object.keys(required)) {
    it(`answers 422 without ${missing}`, async () => {
      const { status, body } = await fog().stack.post<Refusal>('/submit-task', { ...required, [missing]: undefined });
      assert.deepEqual([status, body.errors?.map(({ field }) => field)], [422, [missing]]);
    });
  }

  for (const task_type of ['analysis', 'verification', 'deployment']) {
    it(`takes tasks of the type ${task_type}`, async () => {
      assert.equal((await fog().ended(await fog().submit({ task_type }))).status, 'succeeded');
    });
  }

  it('tells the agent what there is to do, and by which rules, beside the payload', async () => {
    const rules = { constraints: ['fast'], business_rules: ['b'], philosophy_tags: ['p'] };
    const told = randomUUID();
    await fog().ended(await fog().submit({ module_name: 'shop.cart', ...rules, payload: { told } }));
    const nth = fog().agent.payloads.findIndex((payload) => payload.told === told);
    const work = { module_name: 'shop.cart', task_type: 'analysis', ...rules, backup_id: null };
    assert.deepEqual(fog().agent.works[nth], work);
  });

  it('answers with an error when it refuses', async () => {
    const { status, body } = await fog().stack.post<Refusal>('/submit-task', { ...required, task_type: 'destruction' });
    assert.deepEqual([status, body.errors?.map(({ field }) => field)], [422, ['task_type']]);
  });

  it('has a task wait for its dependencies', async () => {
    const { payload, open } = fog().agent.gate();
    const first = await fog().submit({ task_id: `first ${randomUUID()}`, payload });
    const second = await fog().submit({ dependencies: [first] });
    const third = await fog().submit({ dependencies: [second] });
    assert.deepEqual([(await fog().status(second)).status, (await fog().status(third)).status], ['waiting', 'waiting']);
    open();
    const ends = [await fog().ended(first), await fog().ended(second), await fog().ended(third)];
    assert.ok(ends.every(({ status }) => status === 'succeeded'));
    assert.ok(at(ends[1] as View, 'running') >= Date.parse(String(ends[0]?.finishedAt)));
    assert.ok(at(ends[2] as View, 'running') >= Date.parse(String(ends[1]?.finishedAt)));
  });

  it('lets the higher priority go first where they wait for an agent', async () => {
    await fog().stack.post('/register-agent', { name: 'single', endpoint: fog().agent.url, concurrency: 1 });
    const { payload, open } = fog().agent.gate();
    const busy = await fog().submit({ system_name: 'single', payload });
    await fog().stack.reaches(busy, 'running');
    const submit = (priority: number) => fog().submit({ system_name: 'single', priority, payload: { of: busy, priority } });
    const names = [];
    for (const priority of [0, -5, 9, 3, 9]) names.push(await submit(priority));
    for (const name of names) assert.equal((await fog().status(name)).status, 'waiting');
    open();
    for (const name of names) assert.equal((await fog().ended(name)).status, 'succeeded');
    const order = fog().agent.payloads.flatMap(({ of, priority }) => (of === busy ? [priority] : []));
    assert.deepEqual(order, [9, 9, 3, 0, -5]);
  });
}

export function showsTasks(fog: () => Fog): void {
  it('shows the full packet, and 404 for an unknown one', async () => {
    const packet = {
      task_id: `shown ${randomUUID()}`,
      constraints: ['fast'],
      business_rules: ['b'],
      philosophy_tags: ['p'],
      priority: 2,
    };
    const name = await fog().submit({ ...packet, payload: { n: 1 } });
    await fog().ended(name);
    const view = await fog().status(name);
    assert.deepEqual({ ...view, ...packet, payload: { n: 1 } }, view);
    assert.deepEqual([view.status, view.result], ['succeeded', { n: 1 }]);
    assert.equal((await fog().stack.get('/task-status/unknown')).status, 404);
  });

  it('takes an update from the attempt alone, checked field by field', async () => {
    const { payload, open } = fog().agent.gate();
    const name = await fog().submit({ payload });
    const { id } = await fog().stack.reaches(name, 'running');
    const update = (body: object) => fog().stack.post<Refusal>(`/task-update/${name}`, body);
    const proof = { epoch: 1, outcomeToken: fog().stack.signing.outcomeToken(id, 'worker', 1) };
    assert.equal((await update({ status: 'completed' })).status, 422);
    assert.equal((await update({ epoch: 1, outcomeToken: 'worker.forged', note: 'mine' })).status, 401);
    assert.equal((await update({ ...proof, epoch: 2, note: 'a later attempt’s' })).status, 401);
    assert.equal((await update({ ...proof, note: 'half way' })).status, 200);
    assert.equal((await update({ ...proof, priority: 9 })).status, 422);
    open();
    const view = await fog().ended(name);
    assert.deepEqual(
      view.timeline.flatMap(({ note }) => note ?? []),
      ['half way'],
    );
  });
}

export function countsAttempts(fog: () => Fog): void {
  it('sends a task three times in total with max_retries=3, and counts each', async () => {
    const mark = randomUUID();
    const name = await fog().submit({ payload: { fail: true, mark }, max_retries: 3 });
    const view = await fog().ended(name);
    assert.deepEqual([view.status, view.attempts, view.error?.code], ['dead', 3, 'attempts_exhausted']);
    assert.equal(fog().agent.payloads.filter((payload) => payload.mark === mark).length, 3);
    assert.equal(events(view).filter((event) => event === 'running').length, 3);
  });

  it('sends it once with max_retries=1', async () => {
    const view = await fog().ended(await fog().submit({ payload: { fail: true }, max_retries: 1 }));
    assert.deepEqual([view.status, view.attempts], ['dead', 1]);
  });
}

export function knowsNoOtherAgents(fog: () => Fog): void {
  it('says that the agent is not found, and everything after it works', async () => {
    const task = { system_name: 'Ghost', module_name: 'core', task_type: 'analysis', task_id: 'to a ghost' };
    const { status, body } = await fog().stack.post<Refusal>('/submit-task', task);
    assert.ok(status >= 400 && status < 500, `${status}`);
    assert.match(body.detail, /Agent Ghost not found/);
    assert.equal((await fog().stack.get('/task-status/to%20a%20ghost')).status, 404);
    assert.equal((await fog().ended(await fog().submit())).status, 'succeeded');
  });

  it('fails a task whose agent is removed before it runs, with the same words', async () => {
    await fog().stack.post('/register-agent', { name: 'leaving', endpoint: fog().agent.url });
    const name = await fog().submit({ system_name: 'leaving', notBefore: Date.now() / 1000 + 1.5 });
    assert.equal((await fog().stack.delete('/agents/leaving')).status, 200);
    await until(async () => (await fog().status(name)).finishedAt !== undefined);
    const view = await fog().status(name);
    assert.match(String(view.error?.message), /Agent leaving not found/);
    assert.equal(view.attempts, 0);
  });
}
