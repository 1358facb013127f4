import { z } from 'zod';
import { packetSchema } from '../../../functions/core/packet.ts';
import { listQuery, taskQuery } from '../../../functions/dispatch/read-tasks.ts';
import { redriveBody } from '../../../functions/dispatch/redrive.ts';
import { submissionSchema } from '../../../functions/dispatch/submit-task.ts';
import { json, type Operation } from '../operation.ts';
import * as replies from '../replies/tasks.ts';

const tag = 'tasks';
const task = replies.taskSchema;
const none = { 404: ['task_not_found'] };
const refused = {
  402: ['budget_exceeded'],
  403: ['outside_roots'],
  409: ['parent_ended', 'agent_disabled', 'project_moved'],
  413: ['too_large'],
  422: [
    ...['agent_not_found', 'egress_denied', 'dependency_not_found', 'parent_not_found', 'idempotency_key_reused'],
    ...['project_not_found', 'project_mismatch', 'project_path_missing', 'project_path_invalid'],
  ],
};

/** Tasks: sending them, watching them, ending them. */
export const TASKS: readonly Operation[] = [
  {
    method: 'POST',
    path: '/dispatch',
    id: 'dispatchTask',
    tag,
    summary: 'Sends a task to an agent.',
    detail:
      'In mode `http` the answer waits for the end of the task, up to 30 s; in mode `pubsub` it comes at once. What was accepted is never lost, and the same `idempotencyKey` never makes a second task.',
    needs: 'dispatch',
    body: packetSchema,
    example: { agent: 'light', mode: 'pubsub', payload: { text: 'Summarize the report.' }, ttlSeconds: 600, budgetCents: 25 },
    replies: {
      200: json('The task has ended.', task),
      202: json('The task is accepted and goes on.', task),
    },
    problems: refused,
  },
  {
    method: 'POST',
    path: '/submit-task',
    id: 'submitTask',
    tag,
    summary: 'Sends a task in the words of the task packet, with its type and what it is to respect.',
    detail: 'Its `task_id` is an alias by which it is found wherever a task is named, and its idempotency key.',
    needs: 'dispatch',
    body: submissionSchema,
    example: { system_name: 'light', module_name: 'billing', task_type: 'analysis', task_id: 'billing-review-1' },
    replies: { 200: json('The task is accepted.', replies.submittedSchema) },
    problems: refused,
  },
  {
    method: 'GET',
    path: '/task/{id}',
    id: 'getTask',
    tag,
    summary: 'Shows a task, and waits for its end if asked to.',
    needs: 'read',
    query: taskQuery,
    replies: { 200: json('The task as it stands.', task) },
    problems: none,
  },
  {
    method: 'GET',
    path: '/task-status/{id}',
    id: 'getTaskStatus',
    tag,
    summary: 'Shows a task; a submitted one with its packet.',
    needs: 'read',
    query: taskQuery,
    replies: { 200: json('The task as it stands.', z.union([replies.packetSchema, task])) },
    problems: none,
  },
  {
    method: 'GET',
    path: '/tasks',
    id: 'listTasks',
    tag,
    summary: 'Lists the tasks of the caller’s tenant, newest first.',
    needs: 'read',
    query: listQuery,
    replies: { 200: json('A page of tasks.', replies.tasksSchema) },
  },
  {
    method: 'GET',
    path: '/task/{id}/events',
    id: 'streamTaskEvents',
    tag,
    summary: 'Streams each change of a task until its end, as server-sent events.',
    detail:
      'One event per entry of the timeline: its name as `event`, the entry as `data`, its hash as `id`; at the end `end` with the task. With `Last-Event-ID` it goes on behind that entry.',
    needs: 'read',
    replies: { 200: { says: 'The events.', item: replies.entrySchema, types: ['text/event-stream'] } },
    problems: none,
  },
  {
    method: 'POST',
    path: '/task/{id}/cancel',
    id: 'cancelTask',
    tag,
    summary: 'Cancels a task and its children.',
    needs: 'dispatch',
    replies: {
      200: json('The task is cancelled.', task),
      202: json('The task was running and has been asked to stop.', task),
    },
    problems: { ...none, 409: ['task_ended'] },
  },
  {
    method: 'POST',
    path: '/task/{id}/redrive',
    id: 'redriveTask',
    tag,
    summary: 'Gives a dead task a new life, with a new time limit and a fresh budget.',
    needs: 'dispatch',
    body: redriveBody,
    example: { ttlSeconds: 900 },
    replies: { 202: json('The task goes on.', task) },
    problems: { ...none, 402: ['budget_exceeded'], 409: ['task_not_dead', 'children_open', 'parent_ended'] },
  },
];
