/** `POST /approvals/{taskId}`: somebody has looked at a task, and lets it run or not. */

import * as z from 'zod';
import { commitAudited } from '../core/audit/audit.ts';
import type { Caller } from '../core/authenticate.ts';
import { Problem } from '../core/errors.ts';
import { findTask } from '../core/find-task.ts';
import { followUp } from '../core/follow-ups.ts';
import { checked } from '../core/http.ts';
import { readBoard } from '../core/registry/switchboard.ts';
import type { Runtime } from '../core/runtime.ts';
import { type JsonObject, type Known, lifeOf, type Task } from '../core/task.ts';
import { taskView } from '../core/task-view.ts';
import { APPROVALS, type Approval, approvalHash, approvalId } from '../core/waiting/approvals.ts';
import { proceed } from '../core/waiting/waiting.ts';
import { askersOf, awaitsApproval } from './list-approvals.ts';

/** The body of `POST /approvals/{taskId}`. */
export const decisionBody = z.strictObject({
  decision: z.enum(['approve', 'reject']),
  /** What was looked at, as `GET /approvals` gives it. */
  hash: z.string().min(1).max(200),
  comment: z
    .string()
    .max(1_000)
    .refine((text) => text.isWellFormed(), 'is not well-formed Unicode')
    .optional(),
});

/**
 * Records the decision, bound to the hash and to the task's present life, and has the task go on: it runs as soon as nothing else
 * holds it, or ends as `cancelled`, `approval_rejected`. The same decision again changes nothing. Gives `{taskId, decision, hash, by,
 * at, comment?, task}`. Throws `Problem` 404 `task_not_found`, 409 `already_decided`, `approval_changed`, `not_waiting_for_approval`, 403
 * `four_eyes`, 422.
 */
export async function decideApproval(runtime: Runtime, caller: Caller, name: string, given: unknown): Promise<JsonObject> {
  const { decision, hash, comment } = checked(decisionBody, given);
  const wanted = decision === 'approve' ? 'approved' : 'rejected';
  const known = await ownTask(runtime, caller, name);
  const { id } = known;
  const before = await decisionAbout(runtime, known);
  if (before === undefined) await refuseUnlessOpen(runtime, caller, known, hash);
  const approval = before === undefined ? await decided() : same(before, wanted, hash);
  await goOn(runtime, known, approval);
  const { taskId, by, at, comment: said } = approval;
  const now = await ownTask(runtime, caller, id);
  return {
    taskId,
    decision: approval.decision,
    hash,
    by,
    at: new Date(at).toISOString(),
    ...(said === undefined ? {} : { comment: said }),
    task: taskView(id, now.task),
  };

  function decided(): Promise<Approval> {
    const { tenant, name: actor } = caller;
    const detail = { hash, ...(comment === undefined ? {} : { comment }) };
    return commitAudited(runtime, { tenant, entity: `approval:${id}`, actor }, async () => {
      const meanwhile = await decisionAbout(runtime, known);
      if (meanwhile !== undefined) return { writes: [], event: wanted, detail, answer: same(meanwhile, wanted, hash) };
      const at = runtime.clock.now();
      const answer: Approval = { tenant, taskId: id, life: lifeOf(known.task), hash, decision: wanted, by: actor, at };
      // As long as any record of that life.
      const expireAt = Math.max(at, known.task.ttl * 1000) + 2 * runtime.settings.times.retentionMs;
      const data = { ...answer, ...(comment === undefined ? {} : { comment }), expireAt };
      return {
        writes: [{ kind: 'create', collection: APPROVALS, id: approvalId(known), data }],
        event: wanted,
        detail,
        answer: { ...answer, ...(comment === undefined ? {} : { comment }) },
      };
    });
  }
}

/** By its id or its alias. */
async function ownTask(runtime: Runtime, { tenant }: Caller, name: string): Promise<Known<Task>> {
  const known = await findTask(runtime, tenant, name);
  if (known !== undefined) return known;
  throw new Problem(404, 'task_not_found', `There is no task ${name.slice(0, 100)}.`);
}

/** What was decided about the task's present life, by whatever hash. */
async function decisionAbout({ control }: Runtime, known: Known<Task>): Promise<Approval | undefined> {
  return (await control.get(APPROVALS, approvalId(known)))?.data as unknown as Approval | undefined;
}

/** The decision that there is, where it says the same. */
function same(approval: Approval, decision: Approval['decision'], hash: string): Approval {
  const { taskId, by } = approval;
  if (approval.decision !== decision)
    throw new Problem(409, 'already_decided', `Task ${taskId} was ${approval.decision} by ${by}; that stands.`);
  if (approval.hash !== hash) throw changed(taskId);
  return approval;
}

async function refuseUnlessOpen(runtime: Runtime, caller: Caller, { id, task }: Known<Task>, hash: string): Promise<void> {
  if (!awaitsApproval(task))
    throw new Problem(409, 'not_waiting_for_approval', `Task ${id} is ${task.status} and waits for no approval.`);
  const current = approvalHash(task);
  if (current !== hash) throw changed(id);
  const { approvals } = await readBoard(runtime, caller.tenant);
  if (approvals?.fourEyes && askersOf(task).some(({ by }) => by === caller.name))
    throw new Problem(
      403,
      'four_eyes',
      `Task ${id} was dispatched with the same credentials; somebody else has to decide about it.`,
    );
}

/** Not what the hash is: whoever approves is to look at the task, and not to send again what the refusal says. */
const changed = (id: string): Problem =>
  new Problem(
    409,
    'approval_changed',
    `The hash is not that of task ${id} as it is: GET /approvals shows the task with its hash.`,
    {
      fields: [{ field: 'hash', code: 'approval_changed', message: 'is not that of the task as it is' }],
    },
  );

/** What fails here is left to the sweeper: the decision stands. */
async function goOn(runtime: Runtime, known: Known<Task>, { by }: Approval): Promise<void> {
  try {
    const next = await proceed(runtime, known, by);
    if (next.kind === 'cancelled') await followUp(runtime, next.known);
  } catch (error) {
    runtime.log.warn(
      { err: error, taskId: known.id },
      'A task that was decided about could not go on; the sweeper will see to it.',
    );
  }
}
