/** From a room to the handler that the functions framework calls. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { remoteParts, runtimeOf } from './adapters/runtime.ts';
import { withoutDomains } from './adapters/without-domains.ts';
import { sendProblem, takeBodiesRaw } from './core/http.ts';
import type { Room, Runtime } from './core/runtime.ts';
import { readSettings } from './core/settings.ts';

/** As Node's own server calls it. */
export type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** The handler of one function. Its room is made with the first request; one that cannot be made is tried again with the next. */
export function handlerOf(name: string, make: (runtime: Runtime) => Room): Handler {
  takeBodiesRaw();
  withoutDomains();
  let made: Promise<Room> | undefined;
  return async (request, response) => {
    made ??= madeRoom();
    try {
      (await made)(request, response);
    } catch (error) {
      made = undefined;
      sendProblem({ log: startupLog }, request, response, error);
    }
  };

  async function madeRoom(): Promise<Room> {
    const settings = readSettings(process.env);
    return make(runtimeOf(name, settings, await remoteParts(settings)));
  }
}

/** Before there is a runtime there is no configured log; a failed start still has to be seen. */
const startupLog = { debug() {}, info() {}, warn() {}, error: (fields: object, message: string) => console.error(message, fields) };
