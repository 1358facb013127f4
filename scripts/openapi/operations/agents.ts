import { agentsQuery } from '../../../functions/control/read-agents.ts';
import { registration } from '../../../functions/control/registration.ts';
import { json, type Operation } from '../operation.ts';
import * as replies from '../replies/agents.ts';
import { switchesSchema } from '../replies/control.ts';

const tag = 'agents';
const none = { 404: ['agent_not_found'] };
const agent = json('The agent as it is now.', replies.agentSchema);
const done = json('It is done.', replies.agentDoneSchema);
const held = json('What is stopped, paused and off.', switchesSchema);

const onOne = (verb: string, id: string, summary: string) =>
  ({ method: 'POST', path: `/agents/{name}/${verb}`, id, tag, summary }) as const;

/** Who works here. */
export const AGENTS: readonly Operation[] = [
  {
    method: 'POST',
    path: '/register-agent',
    id: 'registerAgent',
    tag,
    summary: 'Registers an agent of the caller’s tenant, or replaces the one of that name.',
    needs: 'admin',
    body: registration,
    example: { name: 'reviewer', handler_type: 'http', endpoint: 'https://agent.example.com/run', priceCents: 3 },
    replies: { 200: done },
    problems: { 409: ['agent_reserved'], 422: ['egress_denied', 'subscription_refused'], 503: ['messages_unavailable'] },
  },
  {
    method: 'GET',
    path: '/agents',
    id: 'listAgents',
    tag,
    summary: 'Lists everybody’s agents and those of the caller’s tenant.',
    needs: 'read',
    query: agentsQuery,
    replies: { 200: json('A page of agents.', replies.agentsSchema) },
  },
  {
    method: 'GET',
    path: '/agents/{name}',
    id: 'getAgent',
    tag,
    summary: 'Shows an agent, with its price, its limits and its circuit.',
    needs: 'read',
    replies: { 200: json('The agent.', replies.agentSchema) },
    problems: none,
  },
  {
    method: 'DELETE',
    path: '/agents/{name}',
    id: 'deleteAgent',
    tag,
    summary: 'Removes a registered agent.',
    needs: 'admin',
    replies: { 200: done },
    problems: { ...none, 409: ['agent_reserved'] },
  },
  {
    ...onOne('enable', 'enableAgent', 'Switches an agent on for the caller’s tenant.'),
    needs: 'admin',
    replies: { 200: agent },
    problems: { ...none, 409: ['too_many_switches'] },
  },
  {
    ...onOne('disable', 'disableAgent', 'Switches an agent off: within 10 s nothing new is taken, and what runs is stopped.'),
    needs: 'admin',
    replies: { 200: agent },
    problems: { ...none, 409: ['too_many_switches'] },
  },
  {
    ...onOne('heartbeat', 'noteHeartbeat', 'Notes that a registered agent lives, and tells it whether it is on.'),
    needs: 'dispatch',
    replies: { 200: json('It is noted.', replies.heartbeatSchema) },
    problems: none,
  },
  {
    ...onOne('pause', 'pauseAgent', 'Pauses an agent: what is dispatched to it is taken and waits.'),
    needs: 'admin',
    replies: { 200: held },
    problems: { ...none, 409: ['too_many_switches'], 422: ['invalid_fields'] },
  },
  {
    ...onOne('resume', 'resumeAgent', 'Has a paused agent go on.'),
    needs: 'admin',
    replies: { 200: held },
    problems: { ...none, 422: ['invalid_fields'] },
  },
];
