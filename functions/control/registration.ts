/** What an agent is registered with: the body of the request, and the document that is made of it. */

import * as z from 'zod';
import type { Caller } from '../core/authenticate.ts';
import { isWholeMicros, microsFromCents } from '../core/budgets/money.ts';
import { keepable } from '../core/json-value.ts';
import { LIGHT_HANDLERS } from '../core/registry/agents.ts';
import type { Registered } from '../core/registry/registry.ts';
import type { Runtime } from '../core/runtime.ts';

const MAX_RESULT_BYTES = 16_384;
const TYPES = ['http', 'pubsub', 'builtin', 'mock'] as const;
const DEFAULT_LIMIT_SECONDS = 540;

/** The body of `POST /register-agent`. */
export const registration = z
  .strictObject({
    name: z
      .string()
      .max(63)
      .regex(
        /^[A-Za-z0-9][A-Za-z0-9 ._-]*$/,
        'is letters, digits, spaces, dots, hyphens and underscores, with a letter or digit first',
      ),
    /** Of `http` and `pubsub` the address, of `builtin` the handler; of `mock` whatever one likes. */
    endpoint: z.string().min(1).max(2_048).optional(),
    handler_type: z.enum(TYPES, { error: `has to be one of ${TYPES.join(', ')}` }).default('http'),
    /** Of `pubsub`: whether it claims its tasks over HTTPS, with ID tokens of the service account `email`; else it gets them claimed. */
    claims: z.boolean().optional(),
    email: z.email().max(320).optional(),
    priceCents: z
      .number()
      .min(0, 'is negative')
      .max(1_000_000_000)
      .refine(isWholeMicros, 'has a fraction below a micro-dollar (0.0001 cents)')
      .optional(),
    timeLimitSeconds: z.number().min(0.001).max(540, 'is more than 540: longer work answers 202 and reports later').optional(),
    /** How many of its tasks may run at once. */
    concurrency: z.int().min(1).max(10_000).optional(),
    capabilities: z.array(z.string().min(1).max(100)).max(50).default([]),
    /** Without it, an agent that is switched off stays so. */
    enabled: z.boolean().optional(),
    /** Of `mock` alone. */
    result: z
      .unknown()
      .refine(...keepable)
      .refine(
        (value) => Buffer.byteLength(JSON.stringify(value) ?? '') <= MAX_RESULT_BYTES,
        `is larger than ${MAX_RESULT_BYTES} bytes`,
      )
      .optional(),
  })
  .superRefine(({ endpoint, handler_type: type, result, claims, email, timeLimitSeconds }, { addIssue }) => {
    const refuse = (path: string, message: string) => addIssue({ code: 'custom', path: [path], message });
    const handlers: readonly string[] = LIGHT_HANDLERS;
    if (endpoint === undefined && type !== 'mock') refuse('endpoint', 'is missing: give a string');
    else if ((type === 'http' || type === 'pubsub') && !isHttpAddress(endpoint ?? ''))
      refuse('endpoint', 'has to be an http or https address');
    else if (type === 'builtin' && !handlers.includes(endpoint ?? ''))
      refuse('endpoint', `has to be one of the built-in handlers: ${handlers.join(', ')}`);
    if (result !== undefined && type !== 'mock') refuse('result', 'is for agents of the type mock alone');
    if (type !== 'pubsub') {
      if (claims !== undefined) refuse('claims', 'is for agents of the type pubsub alone');
      if (email !== undefined) refuse('email', 'is for agents of the type pubsub alone');
    } else if (claims === false) {
      if (email !== undefined) refuse('email', 'is for agents that claim; one that does not proves itself by the outcomeToken');
      if (timeLimitSeconds !== undefined)
        refuse('timeLimitSeconds', 'is for agents that claim; one that does not has until the ttl of its task');
    } else if (email === undefined) refuse('email', 'is missing: give the service account that it claims with, or "claims": false');
  });

export type Registration = z.output<typeof registration>;

const isHttpAddress = (endpoint: string): boolean => /^https?:/i.test(endpoint) && URL.canParse(endpoint);

/** The document of an agent. `before` is the one of the same name that it replaces. */
export function registered(
  runtime: Pick<Runtime, 'clock' | 'settings'>,
  caller: Caller,
  wanted: Registration,
  before: Registered | undefined,
): Registered {
  const { name, endpoint, handler_type: type, claims = true, email, concurrency, capabilities, result } = wanted;
  const { timeLimitSeconds = DEFAULT_LIMIT_SECONDS } = wanted;
  const now = runtime.clock.now();
  // A price of its own, or that of the built-in agent; nobody works for a mock.
  const priceCents = wanted.priceCents ?? (type === 'mock' ? 0 : runtime.settings.agentCostPerRunCents);
  return {
    tenant: caller.tenant,
    name,
    type,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(type === 'pubsub' ? { claims } : {}),
    ...(email === undefined ? {} : { email }),
    ...(result === undefined ? {} : { result: JSON.stringify(result) }),
    priceMicros: microsFromCents(priceCents),
    timeLimitMs: timeLimitSeconds * 1000,
    ...(concurrency === undefined ? {} : { concurrency }),
    capabilities,
    createdAt: before?.createdAt ?? now,
    updatedAt: now,
    updatedBy: caller.name,
    ...(before?.lastSeenAt === undefined ? {} : { lastSeenAt: before.lastSeenAt }),
  };
}
