import { intentBody, intentQuery, intentsQuery } from '../../../functions/control/intents.ts';
import { orchestrateBody } from '../../../functions/dispatch/orchestrate/orchestrate.ts';
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
      'What takes longer than 8 s is answered with its job, whose run goes on. The same intent with the same inputs, or the same `idempotency_key`, runs once in 24 hours, and a repeat gets the same job; what only reads runs each time. Dangerous intents run dry without `confirm_dangerous` among the inputs.',
    needs: 'dispatch',
    body: orchestrateBody,
    example: { intent: 'memory.write', inputs: { text: 'The Eiffel Tower is in Paris', tags: ['geography'] }, mode: 'auto' },
    replies: {
      200: json('The job has ended.', replies.endedAnswerSchema),
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
    replies: { 200: json('The job as it stands.', replies.jobSchema) },
    problems: { 404: ['job_not_found'] },
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
