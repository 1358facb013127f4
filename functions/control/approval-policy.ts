/** `GET` and `PUT /policies/approvals`: what a tenant wants to be asked about before it runs. */

import * as z from 'zod';
import { commitAudited } from '../core/audit/audit.ts';
import type { Caller } from '../core/authenticate.ts';
import { checked, invalidFields } from '../core/http.ts';
import { agentOf } from '../core/registry/registry.ts';
import type { Switchboard } from '../core/registry/switchboard.ts';
import { type ApprovalPolicy, effectiveAt } from '../core/registry/switches.ts';
import type { Runtime } from '../core/runtime.ts';
import type { JsonObject } from '../core/task.ts';
import { boardWrite, storedBoard } from './switchboard.ts';

const MAX_AGENTS = 500;
const unique = (values: readonly string[]): boolean => new Set(values).size === values.length;

/** The body of `PUT /policies/approvals`. */
export const approvalPolicyBody = z.strictObject({
  taskTypes: z
    .array(z.enum(['analysis', 'modification', 'verification', 'deployment']))
    .refine(unique, 'names a type twice')
    .default([]),
  agents: z.array(z.string().min(1).max(63)).max(MAX_AGENTS).refine(unique, 'names an agent twice').default([]),
  /** Every task with a larger budget; without it, none for what it may cost. */
  costAboveCents: z.number().min(0, 'is negative').max(1_000_000_000).optional(),
  fourEyes: z.boolean().default(false),
});

/**
 * `{taskTypes, agents, costAboveCents?, fourEyes, changedAt?, changedBy?, effectiveAt?}`: any one of the first three makes a task wait,
 * in every instance from `effectiveAt` on.
 */
export async function getApprovalPolicy(runtime: Runtime, caller: Caller): Promise<JsonObject> {
  const stored = await storedBoard(runtime, caller.tenant);
  return policyView(runtime, (stored?.data as Partial<Switchboard> | undefined)?.approvals);
}

/**
 * Replaces the policy; an empty one asks about nothing. It goes for what is dispatched or redriven from then on, within 10 s in every
 * instance: what waits already goes on waiting for its answer. With `fourEyes`, nobody approves what was dispatched with the same
 * credentials. An administrator can take that back again, which the audit shows. Throws `Problem` 422 also for an agent that is none: a
 * misspelt one would run unasked.
 */
export async function putApprovalPolicy(runtime: Runtime, caller: Caller, given: unknown): Promise<JsonObject> {
  const wanted = checked(approvalPolicyBody, given);
  const { tenant, name } = caller;
  await refuseUnknown(runtime, tenant, wanted.agents);
  return commitAudited(runtime, { tenant, entity: 'policy:approvals', actor: name }, async () => {
    const stored = await storedBoard(runtime, tenant);
    const policy: ApprovalPolicy = { ...wanted, changedAt: runtime.clock.now(), changedBy: name };
    return {
      writes: [boardWrite(tenant, stored, { approvals: policy })],
      event: 'policy_changed',
      detail: { ...wanted },
      answer: policyView(runtime, policy),
    };
  });
}

async function refuseUnknown(runtime: Runtime, tenant: string, agents: readonly string[]): Promise<void> {
  const found = await Promise.all(agents.map((agent) => agentOf(runtime, tenant, agent)));
  const unknown = agents.flatMap((agent, index) => (found[index] === undefined ? [{ agent, index }] : []));
  if (unknown.length === 0) return;
  throw invalidFields(
    unknown.map(({ index }) => ({
      field: `agents.${index}`,
      code: 'agent_not_found',
      message: 'names no agent; register it first',
    })),
  );
}

function policyView(runtime: Runtime, policy: Partial<ApprovalPolicy> = {}) {
  const { taskTypes = [], agents = [], costAboveCents, fourEyes = false, changedAt, changedBy } = policy;
  return {
    taskTypes,
    agents,
    ...(costAboveCents === undefined ? {} : { costAboveCents }),
    fourEyes,
    ...(changedAt === undefined
      ? {}
      : { changedAt: new Date(changedAt).toISOString(), changedBy, effectiveAt: effectiveAt(runtime, changedAt) }),
  };
}
