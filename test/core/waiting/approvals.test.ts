import assert from 'node:assert/strict';
import type { Task } from '../../../functions/core/task.ts';
import { approvalHash, needsApproval, readApproval } from '../../../functions/core/waiting/approvals.ts';

const task = {
  agent: 'light',
  payload: { text: 'a' },
  budgetMicros: 50_000,
  maxAttempts: 3,
  projectId: 'p',
  modifies: true,
  work: { task_type: 'modification', module_name: 'm' },
  createdAt: 1,
} as unknown as Task;
const large = { bucket: 'payloads', name: 'n', bytes: 300_000, sha256: 'a' };

describe('what is approved', () => {
  const others: readonly (readonly [what: string, change: object])[] = [
    ['agent', { agent: 'codex' }],
    ['payload', { payload: { text: 'b' } }],
    ['large payload', { payload: undefined, payloadRef: large }],
    ['budget', { budgetMicros: 50_001 }],
    ['number of attempts', { maxAttempts: 4 }],
    ['project', { projectId: 'q' }],
    ['right to modify', { modifies: undefined }],
    ['structured work', { work: { task_type: 'modification', module_name: 'n' } }],
  ];
  for (const [what, change] of others) {
    it(`is another thing with another ${what}`, () => {
      assert.notEqual(approvalHash({ ...task, ...change } as Task), approvalHash(task));
    });
  }

  it('is another thing with another large payload', () => {
    const [one, other] = [large, { ...large, sha256: 'b' }].map((payloadRef) =>
      approvalHash({ ...task, payload: undefined, payloadRef } as unknown as Task),
    );
    assert.notEqual(one, other);
  });

  it('is the same thing however the task stands', () => {
    assert.equal(
      approvalHash({ ...task, status: 'queued', attempts: 2, timeline: [], updatedAt: 9 } as unknown as Task),
      approvalHash(task),
    );
  });

  it('is decided by the hash of what the task is: a decision about another one is none', async () => {
    const known = { id: '1'.repeat(40), version: '1', task };
    const asked = (hash: string) => readApproval({ control: { get: async () => ({ data: { hash } }) } } as never, known);
    assert.equal((await asked(approvalHash(task)))?.hash, approvalHash(task));
    assert.equal(await asked(approvalHash({ ...task, budgetMicros: 1 } as Task)), undefined);
  });
});

describe('what a policy asks about', () => {
  const nothing = { taskTypes: [], agents: [] };
  const rows: readonly (readonly [what: string, policy: object, change: object, asks: boolean])[] = [
    ['nothing', {}, {}, false],
    ['a type', { taskTypes: ['deployment'] }, { work: { task_type: 'deployment' }, modifies: undefined }, true],
    ['another type', { taskTypes: ['deployment'] }, {}, false],
    ['what modifies without a type', { taskTypes: ['modification'] }, { work: undefined }, true],
    ['what modifies under another type', { taskTypes: ['modification'] }, { work: { task_type: 'analysis' } }, true],
    ['an agent', { agents: ['light'] }, {}, true],
    ['another agent', { agents: ['codex'] }, {}, false],
    ['a budget above the limit', { costAboveCents: 4.9999 }, {}, true],
    ['a budget at the limit', { costAboveCents: 5 }, {}, false],
    ['any budget', { costAboveCents: 0 }, { budgetMicros: 1 }, true],
  ];
  for (const [what, policy, change, asks] of rows) {
    it(`${asks ? 'includes' : 'leaves out'}: ${what}`, () => {
      assert.equal(needsApproval({ ...nothing, ...policy }, { ...task, ...change } as Task), asks);
    });
  }
});
