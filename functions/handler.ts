/** From a room to the handler that the functions framework calls. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { functionParts } from './adapters/remote-parts.ts';
import { runtimeOf } from './adapters/runtime.ts';
import { withoutDomains } from './adapters/without-domains.ts';
import { isHealthCheck, sendProblem, takeBodiesRaw } from './core/http.ts';
import type { Log } from './core/ports.ts';
import type { Room, Runtime } from './core/runtime.ts';
import { readSettings } from './core/settings.ts';

/** As Node's own server calls it. */
export type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/**
 * The handler of one function. Its room is made with the first request; one that cannot be made is tried again with the next.
 * Whether it lives it says at once; everything else waits until its secrets are there.
 */
export function handlerOf(name: string, make: (runtime: Runtime) => Room): Handler {
  takeBodiesRaw();
  withoutDomains();
  let made: Made | undefined;
  return async (request, response) => {
    try {
      made ??= madeOf(name, make);
      if (!isHealthCheck(request)) await made.ready();
      made.room(request, response);
    } catch (error) {
      sendProblem({ log: made?.log ?? startupLog }, request, response, error);
    }
  };
}

interface Made {
  readonly room: Room;
  readonly log: Log;
  ready(): Promise<void>;
}

function madeOf(name: string, make: (runtime: Runtime) => Room): Made {
  const settings = readSettings(process.env);
  const { parts, ready } = functionParts(name, settings);
  const runtime = runtimeOf(name, settings, parts);
  return { room: make(runtime), log: runtime.log, ready };
}

/** Before there is a runtime there is no configured log; a failed start still has to be seen. */
const startupLog: Log = {
  debug() {},
  info() {},
  warn: (fields, message) => console.error(message, fields),
  error: (fields, message) => console.error(message, fields),
};
