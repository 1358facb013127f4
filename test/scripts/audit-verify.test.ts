import assert from 'node:assert/strict';
import { Problem } from '../../functions/core/errors.ts';
import { findingText } from '../../scripts/audit/finding.ts';
import { type AuditedStack, auditedStack, HOUR_MS, tampering } from './audit-kit.ts';
import { findsTampering } from './audit-tamperings.ts';

describe('audit verify', function () {
  findsTampering.call(this, 2);
});

describe('audit verify raises no false alarm', function () {
  this.timeout(60_000);
  let stack: AuditedStack;
  const isWhole = async () => assert.deepEqual((await stack.verified()).findings.map(findingText), []);
  beforeEach(async () => {
    stack = await auditedStack({ 'times.retentionMs': 10 * HOUR_MS });
  });
  afterEach(() => stack.stop());

  it('of an empty record', isWhole);

  it('when retention has removed tasks, and what was moved out of them', async () => {
    const { id } = await stack.run({});
    const long = await stack.noted(230);
    await stack.sealed();
    await isWhole();
    const tamper = tampering(stack);
    await tamper.setTask(id, undefined);
    assert.equal((await stack.verified()).findings.length, 1, 'before its time it is one');
    stack.time.skewMs += 11 * HOUR_MS;
    await isWhole();
    await tamper.setTask(long, undefined);
    await isWhole();
  });

  it('when what was moved out of a redriven task has gone before it', async () => {
    const long = await stack.noted(230);
    const { documents } = await stack.documents.query('timelines', {
      equal: { taskId: long },
      orderBy: { field: 'from', direction: 'asc' },
      limit: 10,
    });
    const tamper = tampering(stack);
    await tamper.setDocument('timelines', String(documents[0]?.id), undefined);
    const { findings } = await stack.verified();
    assert.deepEqual(
      findings.map(({ kind, number }) => [kind, number]),
      [['deleted', 1]],
    );
    stack.time.skewMs += 21 * HOUR_MS;
    await isWhole();
  });

  it('of tasks that were redriven, before the next seal and after it', async () => {
    const { id } = await stack.run({ agent: 'codex', payload: { fail: 'retry' }, maxAttempts: 1 });
    await stack.sealed();
    await stack.post(`/task/${id}/redrive`, {});
    await isWhole();
    await stack.ended(id);
    await isWhole();
    await stack.sealed();
    await isWhole();
  });

  it('of an id that stands for another task by now', async () => {
    const packet = { idempotencyKey: 'again', payload: { n: 1 } };
    const { id } = await stack.run(packet);
    await stack.sealed();
    const { task, version } = await stack.stored(id);
    const set = { expireAt: Date.now() - 1 };
    await stack.documents.commit([{ kind: 'update', collection: 'tasks', id, version, set }]);
    const { body } = await stack.dispatch(packet);
    assert.equal(body.id, id);
    await stack.ended(id);
    assert.notEqual((await stack.stored(id)).task.createdAt, task.createdAt);
    stack.time.skewMs += 11 * HOUR_MS;
    await isWhole();
  });

  it('while decisions are made, tasks run, timelines are moved and seals are written', async () => {
    await stack.decide('default', 'agent:before', 20);
    let isOver = false;
    const busy = Promise.all([
      stack.decide('default', 'agent:a', 300),
      stack.decide('acme', 'agent:a', 300),
      stack.noted(450),
      (async () => {
        while (!isOver) await stack.dispatch({ mode: 'http' });
      })(),
      (async () => {
        while (!isOver) await stack.sealed();
      })(),
    ]);
    for (let times = 0; times < 8; times++) await isWhole();
    isOver = true;
    await busy;
    await stack.sealed();
    await isWhole();
  });

  it('after sweeps were killed between a seal and its progress', async () => {
    await stack.decide('default', 'agent:a', 5);
    await stack.sealed();
    await stack.decide('default', 'agent:a', 5);
    const { documents } = stack.runtime('sweeper');
    let commits = 0;
    const commit: typeof documents.commit = async (writes) => {
      // The round's beginning, and then what follows from its seal.
      if (++commits === 2) throw new Problem(503, 'killed', 'The test ends it here.');
      return documents.commit(writes);
    };
    await stack.sealed({ documents: { ...documents, commit } });
    const { findings, counts } = await stack.verified();
    assert.deepEqual([findings.map(findingText), counts.seals], [[], 2]);
    await stack.sealed();
    await isWhole();
    assert.equal((await stack.verified()).counts.seals, 2);
  });
});
