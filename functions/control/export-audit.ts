/** `GET /audit/export`: the same entries as JSON lines, as many as there are. */

import { once } from 'node:events';
import type { Response } from 'router';
import type { Caller } from '../core/authenticate.ts';
import { checked } from '../core/http.ts';
import { encodedPlace } from '../core/list-tasks.ts';
import type { Runtime } from '../core/runtime.ts';
import { entriesOf, exportQuery } from './read-audit.ts';

/** Well before the function is cut off. */
const LONGEST_MS = 45_000;

/**
 * Streams one entry per line, newest first, each with the `cursor` behind it. The last line is `{"end": true}`, or
 * `{"end": false, "nextCursor"}` where time was up. Without either the reply broke off, and the last `cursor` resumes it. Throws
 * `Problem` 422, 404 `task_not_found` before the first line.
 */
export async function exportAudit(runtime: Runtime, caller: Caller, query: unknown, response: Response): Promise<void> {
  const { cursor, ...wanted } = checked(exportQuery, query);
  const until = runtime.clock.now() + LONGEST_MS;
  const entries = entriesOf(runtime, caller, wanted, cursor);
  // What is refused is refused by the first entry.
  let next = await entries.next();
  response.writeHead(200, { 'content-type': 'application/x-ndjson; charset=utf-8', 'cache-control': 'no-store' });
  let nextCursor: string | undefined;
  for (; !next.done && runtime.clock.now() < until; next = await entries.next()) {
    nextCursor = encodedPlace(next.value.place);
    await line({ ...next.value.entry, cursor: nextCursor });
    if (response.destroyed) return;
  }
  await line(next.done ? { end: true } : { end: false, nextCursor });
  response.end();

  /** Waits for who reads slowly. */
  async function line(value: unknown): Promise<void> {
    if (response.write(`${JSON.stringify(value)}\n`) || response.destroyed) return;
    await Promise.race([once(response, 'drain'), once(response, 'close')]);
  }
}
