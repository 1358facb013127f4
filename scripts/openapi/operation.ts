/** What the document says of one endpoint, beside what its schemas say. */

import type { z } from 'zod';

export interface Operation {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** With names in braces: `/task/{id}`. */
  readonly path: string;
  /** What generated clients call it. */
  readonly id: string;
  readonly tag: string;
  /** One sentence. */
  readonly summary: string;
  readonly detail?: string;
  /**
   * What a caller needs: a scope; an agent's own ID token (`agent`); the `outcomeToken` of an attempt, in the body (`attempt`);
   * `dispatch` itself (`dispatch account`); nothing (`nobody`).
   */
  readonly needs: 'read' | 'dispatch' | 'admin' | 'agent' | 'attempt' | 'dispatch account' | 'nobody';
  readonly query?: z.ZodType;
  readonly body?: z.ZodType;
  /** The request may come without its body. */
  readonly mayLackBody?: true;
  /** A body as somebody might send it. */
  readonly example?: unknown;
  /** Successes by status. */
  readonly replies: Readonly<Record<number, Reply>>;
  /** The codes of its problems by status, beside those that its `needs`, its query and its body give it. */
  readonly problems?: Problems;
}

export interface Reply {
  /** One sentence. */
  readonly says: string;
  readonly schema?: z.ZodType;
  /** Of one line, or of the data of one event, where it is or may be a stream. */
  readonly item?: z.ZodType;
  /** JSON, where nothing is said. */
  readonly types?: readonly string[];
}

export type Problems = Readonly<Record<number, readonly string[]>>;

/** A reply in JSON. */
export const json = (says: string, schema: z.ZodType): Reply => ({ says, schema });

/** All that an operation answers with, beside its own. */
export function problemsOf({ needs, query, body, problems = {} }: Operation): Problems {
  const all: Record<number, string[]> = {};
  const add = (status: number, ...codes: string[]) => {
    all[status] = [...new Set([...(all[status] ?? []), ...codes])];
  };
  if (needs !== 'nobody') add(401, 'unauthenticated');
  if (needs !== 'nobody' && needs !== 'attempt' && needs !== 'dispatch account') add(403, 'forbidden');
  if (needs === 'read' || needs === 'dispatch' || needs === 'admin') add(429, 'rate_limited');
  if (body !== undefined) {
    add(400, 'invalid_json', 'incomplete_body');
    add(413, 'request_too_large');
    add(415, 'unsupported_media_type');
  }
  if (body !== undefined || query !== undefined) add(422, 'invalid_fields');
  for (const [status, codes] of Object.entries(problems)) add(Number(status), ...codes);
  return all;
}
