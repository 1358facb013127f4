/** What errors look like. */

import { z } from 'zod';

/** A problem document. Source: RFC 9457. */
export const problemSchema = z
  .strictObject({
    type: z.literal('about:blank'),
    title: z.string().min(1),
    status: z.int().min(400).max(599),
    code: z.string().regex(/^[a-z][a-z0-9_]{0,99}$/),
    detail: z.string().min(1).max(5_000),
    errors: z
      .array(z.strictObject({ field: z.string().min(1), code: z.string().min(1), message: z.string().min(1) }))
      .min(1)
      .max(50)
      .optional(),
  })
  .refine(({ title }) => title !== 'Error', 'has no title for its status');
