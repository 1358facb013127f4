/**
 * Preloaded into each function's process (`node --import`): the functions framework listens on every address of the machine,
 * as it has to in the cloud, and cannot be told otherwise; a local run without keys must be reachable from this machine alone.
 * It also tells the one that started it what is measured here, and ends the process when that one is gone.
 */

import { Server } from 'node:net';
import { onMeasure } from '../functions/core/measures.ts';
import { LOOPBACK } from './loopback.ts';

const listen = Server.prototype.listen as (...args: unknown[]) => Server;

Server.prototype.listen = function (this: Server, ...args: unknown[]): Server {
  const [port, second] = args;
  const named = typeof port === 'string' ? /^\d+$/.test(port) : typeof port === 'number';
  return named && typeof second !== 'string' ? listen.call(this, port, LOOPBACK, ...args.slice(1)) : listen.apply(this, args);
} as typeof Server.prototype.listen;

onMeasure((measure) => process.send?.(measure, undefined, undefined, () => {}));
process.once('disconnect', () => process.exit(1));
