import assert from 'node:assert/strict';
import { packetSchema, taskSchema } from '../../scripts/openapi/replies/tasks.ts';
import type { EmbeddedTestStack } from '../support/stack-embedded.ts';
import { naughtyStrings } from './naughty-strings.ts';
import { each, type QuietStack, quietStack } from './quiet-stack.ts';

/** Not to be run, so that each costs one write. */
const later = () => ({ agent: 'light', payload: {}, notBefore: Date.now() / 1000 + 600 });

const submission = () => ({ system_name: 'light', module_name: 'm', task_type: 'analysis', notBefore: Date.now() / 1000 + 600 });

describe(`${naughtyStrings.length} naughty strings in a packet`, function () {
  this.timeout(60_000);
  let quiet: QuietStack;
  let stack: EmbeddedTestStack;
  let ask: QuietStack['ask'];
  before(async () => {
    quiet = await quietStack();
    ({ stack, ask } = quiet);
  });
  after(() => quiet.close());

  const FIELDS = ['agent', 'mode', 'idempotencyKey', 'traceId', 'sessionId', 'projectId', 'parentTaskId', 'callbackUrl'];
  for (const field of FIELDS) {
    it(`as ${field} come back as they were, or are refused by the field's name`, async () => {
      const { writes, publishes } = stack.counts;
      let accepted = 0;
      await each(naughtyStrings, async (text) => {
        const { status, body } = await ask('POST', '/dispatch', { ...later(), [field]: text });
        if (status === 202) {
          accepted += 1;
          assert.equal(body[field], text);
          const { body: read } = await ask('GET', `/task/${body.id}`);
          assert.deepEqual(read, body);
          taskSchema.parse(read);
        } else {
          assert.deepEqual(
            [status, body.errors?.map((one) => one.field)],
            [422, [field]],
            `${JSON.stringify(text)} ${JSON.stringify(body)}`,
          );
        }
      });
      assert.deepEqual([stack.counts.writes - writes, stack.counts.publishes - publishes], [accepted, 0]);
      if (['idempotencyKey', 'traceId', 'sessionId', 'projectId'].includes(field)) assert.ok(accepted > 200, `${accepted}`);
    });
  }

  for (const field of ['task_id', 'system_name', 'module_name', 'task_type', 'backup_id', 'projectId', 'traceId']) {
    it(`as ${field} of a submitted task come back as they were, or are refused by the field's name`, async () => {
      const { writes } = stack.counts;
      let accepted = 0;
      await each(naughtyStrings, async (text) => {
        const { status, body } = await ask('POST', '/submit-task', { ...submission(), [field]: text });
        if (status === 200) {
          accepted += 1;
          // A URL cannot hold a dotted part, however it is written.
          if (/^\.+$/.test(String(body.task_id))) return;
          const { body: read } = await ask('GET', `/task-status/${encodeURIComponent(String(body.task_id))}`);
          assert.equal(read[field], text);
          packetSchema.parse(read);
        } else {
          const named = body.errors?.map((one) => one.field);
          assert.deepEqual([status, named], [422, [field]], `${JSON.stringify(text)} ${JSON.stringify(body)}`);
        }
      });
      assert.equal(stack.counts.writes - writes, accepted);
      if (!['system_name', 'task_type'].includes(field)) assert.ok(accepted > 200, `${accepted}`);
    });
  }

  it('as paths of projects are refused by the field’s name, or lead nowhere', async () => {
    const { writes } = stack.counts;
    await each(naughtyStrings, async (text) => {
      for (const [path, body] of [
        ['/submit-project', { project_path: text }],
        ['/submit-task', { ...submission(), task_type: 'modification', payload: { project_path: text } }],
        ['/submit-task', { ...submission(), task_type: 'modification', projectId: text }],
      ] as const) {
        const { status, body: refusal } = await ask('POST', path, body);
        const field = refusal.errors?.[0]?.field;
        assert.ok([400, 403, 404, 422].includes(status), `${path} ${JSON.stringify(text)}: ${status} ${JSON.stringify(refusal)}`);
        if (status === 422) assert.match(String(field ?? refusal.detail), /project/, JSON.stringify(refusal));
      }
    });
    assert.equal(stack.counts.writes, writes);
  });

  it('as keys and values of payload, metadata and work come back as they were', async () => {
    await each(naughtyStrings, async (text) => {
      const inner = { [text]: [text, { [`${text} `]: text }] };
      const metadata = { text, inner: [inner] };
      const work = {
        module_name: text.slice(0, 500),
        philosophy_tags: [text.slice(0, 200)],
        backup_id: text.slice(0, 200),
        constraints: [inner],
      };
      const packet = { ...later(), payload: { ...metadata, text }, metadata, work };
      const { status, body } = await ask('POST', '/dispatch', packet);
      assert.equal(status, 202, JSON.stringify(body));
      const { body: read } = await ask('GET', `/task/${body.id}`);
      for (const view of [body, read]) assert.deepEqual([view.payload, view.metadata, view.work], [packet.payload, metadata, work]);
    });
  });

  it('as names of fields are refused by name', async () => {
    const { writes } = stack.counts;
    const known = ['agent', 'mode', 'payload', 'ttl', 'metadata', 'work', 'priority'];
    await each(
      naughtyStrings.filter((text) => !known.includes(text)),
      async (text) => {
        for (const [path, field] of [
          ['/dispatch', text],
          ['/submit-task', text],
          ['/task/x/redrive', text],
        ] as const) {
          const rest = path === '/dispatch' ? later() : path === '/submit-task' ? submission() : {};
          // A computed key is a field of its own, also where it is called `__proto__`.
          const { status, body } = await ask('POST', path, { ...rest, [text]: 1 });
          const named = body.errors?.map((one) => one.field);
          assert.deepEqual([status, named], [422, [field.slice(0, 100) || '(body)']], JSON.stringify(text));
        }
      },
    );
    assert.equal(stack.counts.writes, writes);
  });

  it('leave nothing behind on objects in general', () => assert.deepEqual(Object.keys(Object.prototype), []));
});
