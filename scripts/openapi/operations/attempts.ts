import { z } from 'zod';
import { packetSchema } from '../../../functions/core/packet.ts';
import { adoptBody, checkBody, claimBody, renewBody } from '../../../functions/dispatch/agent-claims.ts';
import { keyQuery } from '../../../functions/dispatch/callback-keys.ts';
import { signedBody } from '../../../functions/dispatch/signed-callback.ts';
import { ingestBody, updateBody } from '../../../functions/dispatch/task-update.ts';
import { json, type Operation } from '../operation.ts';
import * as replies from '../replies/tasks.ts';

const tag = 'attempts';

/** What agents ask and report while they run a task. */
export const ATTEMPTS: readonly Operation[] = [
  {
    method: 'POST',
    path: '/task/{id}/claim',
    id: 'claimTask',
    tag,
    summary: 'Claims a task for an attempt, and gives the `outcomeToken` that proves it.',
    needs: 'agent',
    body: claimBody,
    example: { agent: 'codex', requestId: '4f9d2c7a1b3e5d60', quoteCents: 5, timeLimitMs: 60_000 },
    replies: { 200: json('The attempt, or why there is none.', replies.claimSchema) },
    problems: { 404: ['task_not_found'] },
  },
  {
    method: 'POST',
    path: '/task/adopt',
    id: 'adoptMessage',
    tag,
    summary: 'Makes a task of a message that was published straight to the topic, and claims it.',
    needs: 'agent',
    body: adoptBody,
    replies: { 200: json('The attempt, or why there is none.', replies.claimSchema) },
    problems: { 422: ['agent_mismatch', 'invalid_json'] },
  },
  {
    method: 'POST',
    path: '/task/{id}/renew',
    id: 'renewLease',
    tag,
    summary: 'Keeps the lease of an attempt, and tells whether its task is to be cancelled.',
    needs: 'attempt',
    body: renewBody,
    replies: { 200: json('The lease is kept.', replies.renewalSchema) },
    problems: { 404: ['task_not_found'], 409: ['lease_lost'] },
  },
  {
    method: 'POST',
    path: '/task/{id}/check',
    id: 'checkAttempt',
    tag,
    summary: 'Tells whether an attempt may go on, or its agent was switched off or everything stopped.',
    needs: 'attempt',
    body: checkBody,
    replies: { 200: json('Whether it may go on.', replies.checkSchema) },
  },
  {
    method: 'POST',
    path: '/task-update/{id}',
    id: 'reportOnTask',
    tag,
    summary: 'Takes a note on the progress of an attempt, its parking, or its outcome.',
    detail: 'Exactly one of `note`, `parked` and `outcome`.',
    needs: 'attempt',
    body: updateBody,
    replies: { 200: json('The state of the task after it.', replies.updateSchema) },
    problems: { 404: ['task_not_found'], 409: ['lease_lost'], 413: ['too_large'] },
  },
  {
    method: 'POST',
    path: '/callbacks/ingest',
    id: 'ingestCallback',
    tag,
    summary: 'Takes the outcome of a job that was answered later.',
    detail:
      'Proved by the `outcomeToken`, or, where a flow answers, by its signature over the body: `X-Signature` (SHA-256 HMAC, in hex) or Standard Webhooks, with the key of `GET /callbacks/key?intent=`. What is signed comes again without effect: the first outcome stands.',
    needs: 'attempt',
    body: z.union([ingestBody, signedBody]),
    replies: { 200: json('The outcome is on its way to the task.', replies.ingestSchema) },
    problems: { 400: ['job_id_required'], 409: ['job_ended', 'job_not_running'], 413: ['too_large'] },
  },
  {
    method: 'GET',
    path: '/callbacks/key',
    id: 'getCallbackKeys',
    tag,
    summary: 'Gives the keys that the callbacks of the caller’s tenant are signed with.',
    detail:
      'Standard Webhooks; during a rotation there are two. With `intent` those by which that flow signs its late answers, for which it takes the scope `admin`.',
    needs: 'dispatch',
    query: keyQuery,
    replies: { 200: json('The keys.', replies.keysSchema) },
    problems: { 404: ['intent_not_found'] },
  },
  {
    method: 'POST',
    path: '/run',
    id: 'runTask',
    tag,
    summary: 'Runs a task at once: what `dispatch` asks of the built-in agent, and any agent’s protocol.',
    detail:
      'Without a `taskId` a task is made of the packet. 4xx with a problem document ends the task; 408, 429 and 5xx are tried again.',
    needs: 'dispatch account',
    body: packetSchema,
    replies: { 200: json('The result.', replies.runSchema) },
    problems: {
      402: ['budget_exceeded'],
      404: ['unknown_task'],
      409: ['parked', 'lease_lost', 'already_claimed'],
      410: ['ttl_expired'],
      503: ['not_yet', 'agent_unreachable'],
    },
  },
];
