import assert from 'node:assert/strict';
import { accountEmail } from '../../functions/core/addresses.ts';
import type { EmbeddedTestStack } from '../support/stack-embedded.ts';
import { naughtyStrings } from './naughty-strings.ts';
import { each, type QuietStack, quietStack } from './quiet-stack.ts';

const encoded = (text: string) => encodeURIComponent(text.toWellFormed());

describe(`${naughtyStrings.length} naughty strings in addresses and proofs`, function () {
  this.timeout(60_000);
  let quiet: QuietStack;
  let stack: EmbeddedTestStack;
  let ask: QuietStack['ask'];
  before(async () => {
    quiet = await quietStack();
    ({ stack, ask } = quiet);
  });
  after(() => quiet.close());

  it('as traces and agents to list by find what was dispatched with them, and nothing else', async () => {
    await each(naughtyStrings, async (text) => {
      for (const field of ['traceId', 'trace', 'agent']) {
        const { status, body } = await ask('GET', `/tasks?limit=200&${field}=${encoded(text)}`);
        if (status === 422) {
          assert.deepEqual(
            body.errors?.map((one) => one.field),
            [field],
          );
        } else {
          const given = field === 'agent' ? 'agent' : 'traceId';
          assert.equal(status, 200);
          assert.ok(
            body.tasks?.every((task) => task[given] === text.toWellFormed()),
            JSON.stringify(text),
          );
        }
      }
    });
  });

  it('as other parameters are refused by name, or harmless', async () => {
    const { writes } = stack.counts;
    await each(naughtyStrings, async (text) => {
      for (const [path, field] of [
        ['/tasks', 'limit'],
        ['/tasks', 'cursor'],
        ['/tasks', 'status'],
        ['/task/none', 'waitSeconds'],
        ['/costs', 'from'],
        ['/costs', 'groupBy'],
        ['/costs', 'cursor'],
        ['/agents', 'limit'],
        ['/agents', 'cursor'],
        ['/projects', 'limit'],
        ['/projects', 'cursor'],
        ['/approvals', 'cursor'],
        ['/audit', 'limit'],
        ['/audit', 'cursor'],
        ['/audit', 'actor'],
        ['/audit', 'event'],
        ['/audit', 'entity'],
        ['/audit', 'from'],
        ['/system-state', 'only'],
        ['/system-state', 'agent'],
        ['/system-state', 'project'],
      ]) {
        const { status, body } = await ask('GET', `${path}?${field}=${encoded(text)}`);
        if (status === 422)
          assert.deepEqual(
            body.errors?.map((one) => one.field),
            [field],
            JSON.stringify(text),
          );
        else
          assert.ok(
            // An entity may be a task.
            status === 200 || (['/task/none', '/audit'].includes(path as string) && status === 404),
            `${path} ${field} ${JSON.stringify(text)} ${status}`,
          );
      }
      if (text === '' || ['status', 'agent', 'trace', 'traceId', 'limit', 'cursor'].includes(text)) return;
      const { status, body } = await ask('GET', `/tasks?${encoded(text)}=1`);
      const wanted = text.toWellFormed().slice(0, 100);
      assert.deepEqual([status, body.errors?.map((one) => one.field)], [422, [wanted]]);
    });
    assert.equal(stack.counts.writes, writes);
  });

  it('as ids in a path name no task, budget, agent, project, backup or rollback, and change nothing', async () => {
    const email = accountEmail(stack.settings, 'codex');
    const token = await stack.local.issuer.token({ email, audience: stack.local.functionUrls.dispatch as string });
    const proof = { epoch: 1, outcomeToken: 'light.x' };
    const claim = { agent: 'codex', requestId: 'x'.repeat(16), quoteCents: 5, timeLimitMs: 1 };
    const before = { writes: stack.counts.writes, publishes: stack.counts.publishes };
    const taken = ['/', '//', '', '?', '#'];
    await each(
      naughtyStrings.filter((text) => !taken.includes(text) && text !== 'adopt'),
      async (text) => {
        const id = encoded(text);
        const answers = [
          await ask('GET', `/task/${id}`),
          await ask('GET', `/task-status/${id}`),
          await ask('GET', `/task/${id}/events`),
          await ask('POST', `/task/${id}/cancel`),
          await ask('POST', `/task/${id}/redrive`, {}),
          await ask('POST', `/task/${id}/claim`, claim, { authorization: `Bearer ${token}` }),
          await ask('GET', `/budgets/${id}`),
          await ask('GET', `/projects/${id}`),
          await ask('GET', `/projects/${id}/backups`),
          await ask('POST', `/projects/${id}/backups`, {}),
          await ask('PUT', `/projects/${id}/retention`, { last: 1 }),
          await ask('GET', `/projects/${id}/diff?from=now`),
          await ask('POST', `/projects/${id}/backups/${id}/verify`),
          await ask('GET', `/rollbacks/${id}`),
          await ask('POST', `/approvals/${id}`, { decision: 'approve', hash: 'h' }),
          await ask('POST', `/rollback/${id}`),
        ];
        if (!['light', 'codex'].includes(text)) {
          answers.push(await ask('GET', `/agents/${id}`), await ask('DELETE', `/agents/${id}`));
          for (const verb of ['enable', 'disable', 'heartbeat']) answers.push(await ask('POST', `/agents/${id}/${verb}`));
        }
        if (text.length <= 63 && !['light', 'codex'].includes(text)) {
          for (const verb of ['pause', 'resume']) answers.push(await ask('POST', `/agents/${id}/${verb}`));
        }
        if (text !== 'tenant' && text !== 'agent:light') answers.push(await ask('PUT', `/budgets/${id}`, { limitCents: 5 }));
        for (const [index, { status, body }] of answers.entries()) {
          assert.ok(status === 404 || status === 400, `${index} ${JSON.stringify(text)}: ${status} ${JSON.stringify(body)}`);
        }
        for (const path of [`/task/${id}/renew`, `/task-update/${id}`]) {
          const { status } = await ask('POST', path, path.endsWith('renew') ? proof : { ...proof, note: 'x' });
          assert.ok(status === 401 || status === 404 || status === 400, `${path}: ${status}`);
        }
      },
    );
    assert.deepEqual({ writes: stack.counts.writes, publishes: stack.counts.publishes }, before);
  });

  it('as proofs prove nothing', async () => {
    const { writes } = stack.counts;
    await each(naughtyStrings, async (text) => {
      const refusals = [
        await ask('POST', '/task-update/x', { epoch: 1, outcomeToken: text, note: 'x' }),
        await ask('POST', '/callbacks/ingest', { job_id: text, epoch: 1, outcomeToken: text, outcome: { status: 'succeeded' } }),
        await ask('POST', '/task/x/renew', { epoch: 1, outcomeToken: text }),
      ];
      for (const { status } of refusals) assert.ok(status === 401 || status === 422, `${status}`);
    });
    // What no header can carry, no client can send.
    const sendable = naughtyStrings.filter((text) => /^[\t\x20-\x7e\x80-\xff]*$/.test(text));
    await each(sendable, async (text) => {
      assert.equal((await ask('GET', '/tasks', undefined, { authorization: `Bearer ${text}` })).status, 401);
      const { status } = await ask('GET', '/tasks', undefined, { 'x-api-key': text });
      assert.ok(status === 401, `${status}`);
      assert.equal((await ask('POST', '/dispatch', { agent: 'light', payload: {} }, { 'content-type': text })).status, 415);
    });
    assert.equal(stack.counts.writes, writes);
  });
});
