import { intentBody, intentQuery, intentsQuery } from '../../../functions/control/intents.ts';
import { orchestrateBody } from '../../../functions/dispatch/orchestrate/orchestrate.ts';
import { sshExecBody } from '../../../functions/dispatch/orchestrate/ssh-exec.ts';
import { json, type Operation } from '../operation.ts';
import * as replies from '../replies/orchestrate.ts';

const tag = 'orchestrate';

/** Any intent through one endpoint. */
export const ORCHESTRATE: readonly Operation[] = [
  {
    method: 'POST',
    path: '/orchestrate',
    id: 'orchestrate',
    tag,
    summary: 'Runs any intent (a tool, a flow or a tool of an MCP server) and answers with its result.',
    detail:
      'What takes longer than 8 s is answered with its job, whose run goes on. The same intent with the same inputs, or the same `idempotency_key`, runs once in 24 hours, and a repeat gets the same job; what only reads runs each time. Dangerous intents run dry without `confirm_dangerous` among the inputs. With `Accept: text/event-stream` the answer is the job’s events: `job` first, each log under its own name, and `result` with the job at the end.',
    needs: 'dispatch',
    body: orchestrateBody,
    example: { intent: 'memory.write', inputs: { text: 'The Eiffel Tower is in Paris', tags: ['geography'] }, mode: 'auto' },
    replies: {
      200: {
        says: 'The job has ended; or its events.',
        schema: replies.endedAnswerSchema,
        item: replies.jobEventSchema,
        types: ['application/json', 'text/event-stream'],
      },
      202: json('The job is accepted and goes on.', replies.acceptedAnswerSchema),
    },
    problems: {
      402: ['budget_exceeded'],
      403: ['not_cleared'],
      409: ['agent_disabled'],
      413: ['too_large'],
      422: ['egress_denied', 'idempotency_key_reused'],
    },
  },
  {
    method: 'GET',
    path: '/jobs/{id}',
    id: 'getJob',
    tag,
    summary: 'Shows a job, with its result, its metrics and its log.',
    needs: 'read',
    detail: 'With `Accept: text/event-stream` the answer is its events, as `/orchestrate` gives them.',
    replies: {
      200: {
        says: 'The job as it stands; or its events.',
        schema: replies.jobSchema,
        item: replies.jobEventSchema,
        types: ['application/json', 'text/event-stream'],
      },
    },
    problems: { 404: ['job_not_found'] },
  },
  {
    method: 'POST',
    path: '/api/v1/ssh/exec',
    id: 'executeOverSsh',
    tag,
    summary: 'Runs a command on a host of the settings, or tells what would be run.',
    detail: 'Without `confirm` it opens no connection. The command is taken apart without a shell, and each host has its own list.',
    needs: 'dispatch',
    body: sshExecBody,
    example: { host: 'web-1', cmd: 'systemctl status nginx', timeout_sec: 10, confirm: false },
    replies: {
      200: json('The command has ended, or what would be run.', replies.executedSchema),
      202: json('The job goes on, as one that waits for an approval.', replies.acceptedAnswerSchema),
    },
    problems: {
      402: ['budget_exceeded'],
      403: ['host_not_allowed', 'command_refused', 'not_cleared'],
      408: ['timeout'],
      409: ['agent_disabled', 'cancelled'],
      503: ['ssh_key_missing'],
    },
  },
  {
    method: 'GET',
    path: '/mcp',
    id: 'listMcpServers',
    tag,
    summary: 'Lists the MCP servers whose tools intents may call.',
    needs: 'read',
    replies: { 200: json('The names of the servers.', replies.serversSchema) },
  },
  {
    method: 'GET',
    path: '/mcp/{server}/tools',
    id: 'listMcpTools',
    tag,
    summary: 'Lists the tools of an MCP server, each with the schema of what it takes.',
    needs: 'read',
    replies: { 200: json('The tools.', replies.toolsSchema) },
    problems: {
      404: ['mcp_server_not_found'],
      502: ['mcp_unreachable', 'mcp_disconnected'],
      503: ['agent_unreachable', 'mcp_busy'],
      504: ['mcp_timeout'],
    },
  },
  {
    method: 'GET',
    path: '/intents',
    id: 'listIntents',
    tag,
    summary: 'Lists what `/orchestrate` can be asked for.',
    needs: 'read',
    query: intentsQuery,
    replies: { 200: json('Everybody’s intents on the first page, then those of the caller’s tenant.', replies.intentsSchema) },
  },
  {
    method: 'PUT',
    path: '/intents/{name}',
    id: 'setIntent',
    tag,
    summary: 'Sets an intent of the caller’s tenant: the webhook of a flow, or the tool of an MCP server.',
    needs: 'admin',
    body: intentBody,
    example: { mode: 'flow', target: 'https://n8n.example.com/webhook/gmail-triage', timeLimitSeconds: 120 },
    replies: { 200: json('The intent as it is now.', replies.intentSchema) },
    problems: { 409: ['intent_reserved'], 422: ['egress_denied'] },
  },
  {
    method: 'DELETE',
    path: '/intents/{name}',
    id: 'deleteIntent',
    tag,
    summary: 'Removes an intent of the caller’s tenant.',
    needs: 'admin',
    query: intentQuery,
    replies: { 200: json('It is gone.', replies.intentGoneSchema) },
    problems: { 404: ['intent_not_found'], 409: ['intent_reserved'] },
  },
];
