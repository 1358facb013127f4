/** `projects`: what can be asked of a project's own files. */

import type { Request, Response } from 'router';
import { authenticator } from '../core/authenticate.ts';
import { queryOf, room, send } from '../core/http.ts';
import type { Room, Runtime } from '../core/runtime.ts';
import { getDependencyMap } from './get-dependency-map.ts';

export function projects(runtime: Runtime): Room {
  const authenticate = authenticator(runtime);

  return room(runtime, ['documents'], (router) => {
    router.get('/dependency-map', async (request: Request, response: Response) => {
      await authenticate(request, 'read');
      const reply = await getDependencyMap(runtime, queryOf(request));
      if ('json' in reply) return send(response, 200, reply.json);
      response.writeHead(200, { ...AS_TEXT, 'content-type': reply.type, 'content-length': Buffer.byteLength(reply.text) });
      response.end(reply.text);
    });
  });
}

/** A picture may be opened as a page of its own, whose names are those of somebody's files. */
const AS_TEXT = {
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; sandbox",
  'x-content-type-options': 'nosniff',
};
