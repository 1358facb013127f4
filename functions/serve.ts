import { http } from '@google-cloud/functions-framework';
import { getTestServer } from '@google-cloud/functions-framework/testing';
import type { Handler } from './handler.ts';

const NAME = 'handler';

/**
 * Serves a handler on `PORT` (8080), with the framework that comes in the bundle. The framework's own command line could only
 * load the bundle a second time.
 */
export function serve(handler: Handler): void {
  http(NAME, handler);
  // No limit on open connections, as the framework has it: Pub/Sub keeps its own.
  getTestServer(NAME)
    .listen(Number(process.env.PORT ?? 8080))
    .setTimeout(0);
}
