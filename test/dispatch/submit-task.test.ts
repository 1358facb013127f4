import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { keyedId } from '../../functions/core/create.ts';
import { describeWithEmulators } from '../support/emulators.ts';
import type { Refusal, TestStack, View } from '../support/stack.ts';
import { embeddedStack } from '../support/stack-embedded.ts';
import { emulatedStack } from '../support/stack-emulated.ts';
import { claimAsCodex } from '../support/stack-push.ts';

type Submitted = { status: string; task_id: string };

const BARE = { system_name: 'light', module_name: 'core', task_type: 'analysis' };
const later = () => Date.now() / 1000 + 600;

/** What has to be the same on every runtime. */
function takesSubmissions(stackOf: () => TestStack): void {
  const submit = <T = Submitted>(part: object = {}) => stackOf().post<T>('/submit-task', { ...BARE, ...part });
  const status = async (name: string): Promise<View> => {
    const { status, body } = await stackOf().get(`/task-status/${encodeURIComponent(name)}`);
    assert.equal(status, 200, JSON.stringify(body));
    return body;
  };
  const accepted = async (part: object = {}): Promise<string> => {
    const { status, body } = await submit(part);
    assert.equal(status, 200, JSON.stringify(body));
    return body.task_id;
  };
  const ended = async (name: string): Promise<View> => stackOf().ended(encodeURIComponent(name));

  it('fills in what is left out, and shows the whole packet', async () => {
    const { status: answered, body } = await submit();
    assert.deepEqual([answered, Object.keys(body).sort(), body.status], [200, ['status', 'task_id'], 'success']);
    assert.match(body.task_id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    const end = await ended(body.task_id);
    const view = await status(body.task_id);
    const packet = {
      task_id: body.task_id,
      system_name: 'light',
      module_name: 'core',
      task_type: 'analysis',
      constraints: [],
      dependencies: [],
      business_rules: [],
      philosophy_tags: [],
      backup_id: null,
      priority: 0,
      payload: {},
      max_retries: 3,
    };
    assert.deepEqual(view, { ...end, ...packet });
    assert.deepEqual([view.status, view.agent, end.mode, view.result], ['succeeded', 'light', 'pubsub', { echo: {} }]);
    assert.equal(view.budgetCents, 15);
  });

  it('keeps what is given', async () => {
    const packet = {
      task_id: `t ${randomUUID()} ü/1`,
      task_type: 'verification',
      constraints: ['fast', { memory: 5 }],
      business_rules: ['none'],
      philosophy_tags: ['simple'],
      priority: 7,
      payload: { n: 1 },
      max_retries: 2,
    };
    const sent = { ...packet, ttlSeconds: 900, budgetCents: 50, metadata: { a: 1 }, traceId: 'mine', notBefore: later() };
    const name = await accepted(sent);
    assert.equal(name, packet.task_id);
    const view = await status(name);
    assert.deepEqual({ ...view, ...packet }, view);
    assert.deepEqual([view.status, view.budgetCents, view.metadata, view.traceId], ['waiting', 50, { a: 1 }, 'mine']);
    assert.ok(view.ttl < Date.now() / 1000 + 901);
  });

  for (const missing of Object.keys(BARE)) {
    it(`names ${missing} when it is missing`, async () => {
      const { status, body } = await submit<Refusal>({ [missing]: undefined });
      assert.deepEqual([status, body.code, body.errors?.map(({ field }) => field)], [422, 'invalid_fields', [missing]]);
    });
  }

  for (const [field, part] of [
    ['task_type', { task_type: 'destruction' }],
    ['module_name', { module_name: '' }],
    ['system_name', { system_name: 'a\nb' }],
    ['task_id', { task_id: '' }],
    ['max_retries', { max_retries: 0 }],
    ['priority', { priority: 0.5 }],
    ['payload', { payload: [] }],
    ['dependencies', { dependencies: ['a', 'a'] }],
    ['(body)', { constraints: [JSON.parse(`${'['.repeat(150)}${']'.repeat(150)}`)] }],
    ['(body)', { constraints: ['x'.repeat(70_000)] }],
    ['callbackUrl', { callbackUrl: 'ftp://x' }],
    ['agent', { agent: 'light' }],
    ['mode', { mode: 'http' }],
    ['retries', { retries: 1 }],
  ] as const) {
    it(`refuses by name what ${JSON.stringify(part).slice(0, 40)} has wrong`, async () => {
      const { status, body } = await submit<Refusal>(part);
      assert.deepEqual([status, body.errors?.map((one) => one.field)], [422, [field]], JSON.stringify(body));
    });
  }

  it('says that an unknown agent is not found, and goes on', async () => {
    const { status, body } = await submit<Refusal>({ system_name: 'Nobody', task_id: 'lost' });
    assert.deepEqual([status, body.code, body.errors?.[0]?.field], [422, 'agent_not_found', 'system_name']);
    assert.match(body.detail, /^Agent Nobody not found/);
    assert.equal((await stackOf().get('/task-status/lost')).status, 404);
    assert.equal((await ended(await accepted())).status, 'succeeded');
  });

  it('takes the same task once, and no other under its task_id', async () => {
    const task_id = `once ${randomUUID()}`;
    const constraints = [{ a: JSON.parse('-0'), b: [[1.5]] }];
    const first = await submit({ task_id, payload: { a: 1, b: 2 }, constraints });
    const again = await submit({ task_id, payload: { b: 2, a: 1 }, constraints, priority: 3 });
    assert.deepEqual([first.headers.get('idempotent-replayed'), again.headers.get('idempotent-replayed')], [null, 'true']);
    assert.deepEqual([again.status, again.body], [200, first.body]);
    assert.equal((await ended(task_id)).attempts, 1);
    for (const other of [{ payload: { a: 2 } }, { system_name: 'codex' }, { task_type: 'deployment' }, { module_name: 'other' }]) {
      const { status, body } = await submit<Refusal>({ task_id, payload: { a: 1, b: 2 }, constraints, ...other });
      const named = body.errors?.map(({ field }) => field);
      assert.deepEqual([status, body.code, named], [422, 'idempotency_key_reused', ['task_id']], JSON.stringify(other));
    }
    // Our own keys are apart: one and the same text may be both.
    const { body } = await stackOf().dispatch({ idempotencyKey: task_id });
    assert.equal(body.id, keyedId('default', 'light', task_id));
    assert.notEqual(body.id, (await status(task_id)).id);
  });

  it('takes one task of many that come at once', async () => {
    const task_id = `many ${randomUUID()}`;
    const replies = await Promise.all(Array.from({ length: 8 }, () => submit({ task_id })));
    assert.deepEqual(new Set(replies.map(({ body }) => JSON.stringify(body))).size, 1);
    assert.equal(replies.filter(({ headers }) => headers.get('idempotent-replayed') === null).length, 1);
  });

  it('is found by its task_id wherever a task is named', async () => {
    const task_id = await accepted({ task_id: `alias ${randomUUID()}`, notBefore: later() });
    const name = encodeURIComponent(task_id);
    const { id } = await status(task_id);
    assert.notEqual(id, task_id);
    for (const path of [`/task/${name}`, `/task/${id}`, `/task-status/${id}`]) {
      assert.equal((await stackOf().get(path)).body.id, id, path);
    }
    assert.equal((await stackOf().get(`/task/${id}`)).body.system_name, undefined);
    assert.equal((await stackOf().post(`/task/${name}/cancel`, {})).body.id, id);
    assert.match(await (await fetch(`${stackOf().url}/task/${name}/events`)).text(), /event: cancelled\n/);
  });

  it('shows a task that was not submitted as it is everywhere', async () => {
    const { id } = (await stackOf().dispatch({ idempotencyKey: 'a key', work: { module_name: 'x' } })).body;
    assert.deepEqual(await status(id), (await stackOf().get(`/task/${id}`)).body);
    assert.equal((await stackOf().get<Refusal>('/task-status/nothing')).body.code, 'task_not_found');
  });

  it('waits for others by their task_id or id, and is not taken while one of them is unknown', async () => {
    const first = await accepted({ notBefore: Date.now() / 1000 + 3 });
    const { id } = await status(first);
    const { id: second } = (await stackOf().dispatch({ mode: 'pubsub' })).body;
    const last = await accepted({ dependencies: [first, second] });
    const waiting = await status(last);
    assert.deepEqual([waiting.status, waiting.dependencies], ['waiting', [id, second]]);
    const view = await ended(last);
    const at = (wanted: string) => Date.parse(String(view.timeline.find(({ event }) => event === wanted)?.at));
    assert.ok(at('running') >= Date.parse(String((await status(first)).finishedAt)));
    const { status: answered, body } = await submit<Refusal>({ dependencies: [first, 'unheard'] });
    assert.deepEqual([answered, body.code, body.errors?.[0]?.field], [422, 'dependency_not_found', 'dependencies.1']);
    assert.match(body.detail, /unheard/);
  });

  it('is a child of another by its task_id or id', async () => {
    const parent = await accepted({ notBefore: Date.now() / 1000 + 600, budgetCents: 50 });
    const { id } = await status(parent);
    for (const parentTaskId of [parent, id]) {
      assert.equal((await ended(await accepted({ parentTaskId, budgetCents: 15 }))).parentTaskId, id);
    }
    assert.equal((await stackOf().post(`/task/${parent}/cancel`, {})).status, 200);
    const { status: answered, body } = await submit<Refusal>({ parentTaskId: 'unheard' });
    assert.deepEqual([answered, body.code, body.errors?.[0]?.field], [422, 'parent_not_found', 'parentTaskId']);
  });

  it('counts max_retries as attempts in total, and is redriven by its task_id', async () => {
    const name = await accepted({ system_name: 'codex', payload: { fail: 'retry' } });
    const view = await ended(name);
    assert.deepEqual([view.status, view.attempts, view.error?.code], ['dead', 3, 'attempts_exhausted']);
    const { status, body } = await stackOf().post(`/task/${name}/redrive`, {});
    assert.deepEqual([status, body.id], [202, view.id]);
  });

  it('takes what its agent reports, by its task_id too, with the proof of the attempt', async () => {
    const task_id = await accepted({ system_name: 'codex', payload: { pauseMs: 3_000 } });
    const { id } = await stackOf().reaches(task_id, 'running');
    assert.equal((await claimAsCodex(stackOf(), id)).body.kind, 'acknowledge');
    const outcomeToken = stackOf().signing.outcomeToken(id, 'codex', 1);
    const report = (part: object) => stackOf().post<Refusal>(`/task-update/${task_id}`, { epoch: 1, outcomeToken, ...part });
    assert.equal((await report({ note: 'half' })).status, 200);
    assert.equal((await report({ epoch: 2, note: 'half' })).status, 401);
    assert.equal((await report({ status: 'succeeded' })).status, 422);
    assert.equal((await report({ outcome: { status: 'succeeded', result: { done: 1 } } })).status, 200);
    const view = await ended(task_id);
    assert.deepEqual([view.status, view.result], ['succeeded', { done: 1 }]);
    assert.ok(view.timeline.some(({ event, note }) => event === 'progress' && note === 'half'));
  });
}

describe('submitted tasks, embedded', function () {
  this.timeout(30_000);
  let stack: TestStack;
  before(async () => {
    stack = await embeddedStack();
  });
  after(() => stack.stop());
  takesSubmissions(() => stack);
});

describeWithEmulators("submitted tasks, on Google's emulators", function () {
  this.timeout(60_000);
  let stack: TestStack;
  before(async function () {
    this.timeout(90_000);
    stack = await emulatedStack();
    // The first run of a process may outlast a lease.
    await Promise.all([stack.run({}), stack.run({ agent: 'codex' })]);
  });
  after(() => stack?.stop());
  takesSubmissions(() => stack);
});
