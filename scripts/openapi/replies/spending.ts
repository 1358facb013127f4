/** What the replies about budgets and costs look like, to the last field. */

import { z } from 'zod';

const time = z.iso.datetime({ precision: 3 });
const cents = z.number().min(0);

export const budgetSchema = z.strictObject({
  scope: z.string().regex(/^(tenant|agent:[a-z][a-z0-9-]{0,62}|task:[\w-]{1,200})$/),
  period: z.enum(['day', 'task']),
  day: z.iso.date().optional(),
  mode: z.enum(['plain', 'leased']).optional(),
  limitCents: cents.nullable(),
  heldCents: cents,
  spentCents: cents,
  freeCents: z.number().nullable(),
  effectiveAt: time.optional(),
});
export const budgetsSchema = z.strictObject({ budgets: z.array(budgetSchema).max(500) });

const group = {
  agent: z.string().optional(),
  traceId: z.string().optional(),
  tenant: z.string().optional(),
  day: z.iso.date().optional(),
};
export const costsSchema = z.strictObject({
  from: z.iso.date(),
  to: z.iso.date(),
  groupBy: z.enum(['agent', 'trace', 'tenant', 'day']),
  costs: z.array(
    z.strictObject({ ...group, tasks: z.int().min(1), open: z.int().min(0), attempts: z.int().min(0), costCents: cents }),
  ),
  tasks: z.int().min(0),
  totalCents: cents,
  nextCursor: z.string().optional(),
});
