/**
 * Preloaded into each function's process (`node --import`): the functions framework listens on every address of the machine,
 * as it has to in the cloud, and cannot be told otherwise; a local run without keys must be reachable from this machine alone.
 * It also ends the process when the one that started it is gone.
 */

import { Server } from 'node:net';
import { LOOPBACK } from './loopback.ts';

const listen = Server.prototype.listen as (...args: unknown[]) => Server;

Server.prototype.listen = function (this: Server, ...args: unknown[]): Server {
  const [port, second] = args;
  const named = typeof port === 'string' ? /^\d+$/.test(port) : typeof port === 'number';
  return named && typeof second !== 'string' ? listen.call(this, port, LOOPBACK, ...args.slice(1)) : listen.apply(this, args);
} as typeof Server.prototype.listen;

process.once('disconnect', () => process.exit(1));
