/** What the document of the API says of an endpoint: so what it promises is what is checked. */

import type { z } from 'zod';
import { type Problems, problemsOf, type Reply } from '../../scripts/openapi/operation.ts';
import { OPERATIONS } from '../../scripts/openapi/operations/all.ts';

/** What a success looks like; `events` is a stream of them, `lines` an export. */
export type Answer = z.ZodType | 'events' | 'lines';

export interface Described {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** `{}` stands for an id, a scope, or a name; `{backup}` for a backup behind its project. */
  readonly path: string;
  readonly query?: z.ZodType;
  readonly body?: z.ZodType;
  /** By status. */
  readonly answers: Readonly<Record<number, Answer>>;
  /** The codes of its problems, by status. */
  readonly codes: Problems;
}

/** The row of an endpoint. */
export function described(method: Described['method'], path: string): Described {
  const operation = OPERATIONS.find((one) => one.method === method && unnamed(one.path) === path);
  if (operation === undefined) throw new TypeError(`${method} ${path} is not described.`);
  const { query, body, replies } = operation;
  const answers = Object.entries(replies).map(([status, reply]): [string, Answer] => [status, answerOf(reply)]);
  return {
    method,
    path,
    ...(query === undefined ? {} : { query }),
    ...(body === undefined ? {} : { body }),
    answers: Object.fromEntries(answers),
    codes: problemsOf(operation),
  };
}

/** The first name is that of what is asked about. */
export const unnamed = (path: string): string => path.replace(/\{\w+\}/, '{}');

/** The first that there is: without `Accept`, that is what is given. */
function answerOf({ schema, types = ['application/json'] }: Reply): Answer {
  if (types[0] === 'text/event-stream') return 'events';
  if (types[0] === 'application/x-ndjson') return 'lines';
  if (schema === undefined) throw new TypeError(`A reply of ${types} has no schema.`);
  return schema;
}
