/** `http.fetch`: asks an address of the public web, also on a local run: what is on its loopback trusts this machine. */

import * as z from 'zod';
import { Problem, TerminalError } from '../../core/errors.ts';
import { defineTool } from './tool.ts';

const MAX_BYTES = 1_048_576;

/** `{url, method?, headers?, body?}` gives `{status, headers, body}`, the body as text, at most 1 MiB of it. */
export const httpFetch = defineTool({
  inputs: z.strictObject({
    url: z.url({ protocol: /^https?$/ }),
    method: z.enum(['GET', 'POST']).default('GET'),
    headers: z.record(z.string(), z.string()).default({}),
    body: z.string().max(MAX_BYTES).optional(),
  }),
  async run({ egress, clock }, { url, method, headers, body }, { signal, deadline }) {
    const timeoutMs = Math.max(1, deadline - clock.now());
    const request = { url, trust: 'public', method, headers, timeoutMs, maxBytes: MAX_BYTES, signal } as const;
    try {
      const reply = await egress.request(body === undefined ? request : { ...request, body });
      return { status: reply.status, headers: reply.headers, body: reply.body.toString('utf8') };
    } catch (error) {
      if (!(error instanceof Problem) || !['egress_denied', 'egress_too_large'].includes(error.code)) throw error;
      throw new TerminalError(error.code, error.message);
    }
  },
});
