/** The deployed functions, one registration each: the functions framework serves the one that its target names. */

import { http } from '@google-cloud/functions-framework';
import { remoteParts, runtimeOf } from './adapters/runtime.ts';
import { withoutDomains } from './adapters/without-domains.ts';
import { sendProblem, takeBodiesRaw } from './core/http.ts';
import type { Room } from './core/runtime.ts';
import { readSettings } from './core/settings.ts';
import { rooms } from './rooms.ts';

takeBodiesRaw();
withoutDomains();

for (const [name, make] of Object.entries(rooms)) {
  let made: Promise<Room> | undefined;
  http(name, async (request, response) => {
    made ??= madeRoom();
    try {
      (await made)(request, response);
    } catch (error) {
      made = undefined;
      sendProblem({ log: startupLog }, request, response, error);
    }
  });

  async function madeRoom(): Promise<Room> {
    const settings = readSettings(process.env);
    return make(runtimeOf(name, settings, await remoteParts(settings)));
  }
}

/** Before there is a runtime there is no configured log; a failed start still has to be seen. */
const startupLog = { debug() {}, info() {}, warn() {}, error: (fields: object, message: string) => console.error(message, fields) };
