/** What the replies about agents look like, to the last field. */

import { z } from 'zod';

const time = z.iso.datetime({ precision: 3 });
const cents = z.number().min(0);

export const agentDoneSchema = z.strictObject({ status: z.literal('success'), agent_name: z.string().min(1).max(63) });
export const heartbeatSchema = agentDoneSchema.extend({ enabled: z.boolean(), lastSeenAt: time });
export const agentSchema = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9 ._-]{0,62}$/),
  handler_type: z.enum(['http', 'pubsub', 'builtin', 'mock']),
  source: z.enum(['built-in', 'settings', 'registered']),
  endpoint: z.string().optional(),
  result: z.unknown().optional(),
  priceCents: cents,
  timeLimitSeconds: z.number().positive().max(540).optional(),
  concurrency: z.int().min(1).optional(),
  capabilities: z.array(z.string()).max(50),
  enabled: z.boolean(),
  effectiveAt: time.optional(),
  claims: z.boolean().optional(),
  email: z.string().optional(),
  circuit: z
    .strictObject({
      state: z.enum(['closed', 'open', 'half-open']),
      failures: z.int().min(0),
      since: time.optional(),
      retryAt: time.optional(),
    })
    .optional(),
  createdAt: time.optional(),
  updatedAt: time.optional(),
  lastSeenAt: time.optional(),
});
export const agentsSchema = z.strictObject({
  agents: z.array(agentSchema).max(200),
  nextCursor: z.string().min(1).max(2_000).optional(),
});
