/** The functions of the embedded runtime: each on a loopback port of its own, in this process. */

import { createServer, type Server } from 'node:http';
import type { Room } from '../functions/core/runtime.ts';
import type { ResponseClass } from './held-responses.ts';
import { closeServer, LOOPBACK, listenLoopback } from './loopback.ts';
import { sendProblem } from './problem-reply.ts';

export interface FunctionsInProcess {
  /** Base URLs by function name. */
  readonly urls: Readonly<Record<string, string>>;
  readonly servers: Readonly<Record<string, Server>>;
  /** Puts the rooms in place: their URLs are needed to make them. Until then a function answers 503. */
  attach(rooms: Readonly<Record<string, Room>>): void;
  /** Running requests get `graceMs` to end. */
  stop(graceMs?: number): Promise<void>;
}

/**
 * Listens for each name on a free port. Differs from the cloud in that one process serves them all, so a crash takes every
 * function down at once, and a function's concurrency and memory have no limits of their own; and in that Node's own server
 * calls the rooms, not the functions framework: its `domain` per request turns on promise hooks, under which every promise of
 * this process costs ten times as much. The emulator runtime runs the framework.
 */
export async function functionsInProcess(names: readonly string[], response?: ResponseClass): Promise<FunctionsInProcess> {
  let rooms: Readonly<Record<string, Room>> = {};
  const servers: Record<string, Server> = {};
  const urls: Record<string, string> = {};
  for (const name of names) {
    const server = createServer({ ServerResponse: response }, (request, answer) => {
      const room = rooms[name];
      if (room === undefined) sendProblem(answer, 503, 'starting', `${name} is starting.`);
      else room(request, answer);
    });
    // Longer than any client keeps an idle connection: a push must not meet a socket that is just closing.
    server.keepAliveTimeout = 75_000;
    urls[name] = `http://${LOOPBACK}:${await listenLoopback(server, 0)}`;
    servers[name] = server;
  }
  return {
    urls,
    servers,
    attach(made) {
      rooms = made;
    },
    async stop(graceMs = 0) {
      await Promise.all(Object.values(servers).map((server) => closeServer(server, graceMs)));
    },
  };
}
