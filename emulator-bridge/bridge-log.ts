import { pino } from 'pino';
import pretty from 'pino-pretty';
import type { Log } from '../functions/core/ports.ts';

/** The bridge's own log, on standard error: JSON lines, pretty on a terminal. */
export function bridgeLog(level: string): Log {
  if (!process.stderr.isTTY) return pino({ level, base: { service: 'emulator-bridge' } }, process.stderr);
  return pino({ level, base: undefined }, pretty({ destination: 2, sync: true, ignore: 'pid,hostname' }));
}
