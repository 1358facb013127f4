/** `npm start` and `npm run start:emulators`. Exit 2 for what it was given, 1 for a failure, 0 after ctrl-C. */

import { setFlagsFromString } from 'node:v8';
import { bridgeLog } from '../emulator-bridge/bridge-log.ts';
import { readCommandLine, USAGE } from '../emulator-bridge/command-line.ts';
import { stopOnSignal } from '../emulator-bridge/signals.ts';
import { welcome } from '../emulator-bridge/welcome.ts';
import { Problem } from '../functions/core/errors.ts';
import { type Settings, unknownVariables } from '../functions/core/settings.ts';

// V8 would let its young generation grow to some 130 MB, only to collect it less often.
setFlagsFromString('--semi-space-growth-factor=1');

const settings = read();
const log = bridgeLog(settings.logLevel);
let stop: (() => Promise<void>) | undefined;
let stopAsked = false;
let started = (): void => {};
const start = new Promise<void>((resolve) => {
  started = resolve;
});
// A ctrl-C during the start waits for it to end: half-started things would be left behind.
stopOnSignal(
  async () => {
    stopAsked = true;
    await start;
    await stop?.();
  },
  (error) => log.error({ err: error }, 'stopping failed'),
);

try {
  const run =
    settings.runtime === 'embedded'
      ? (await import('../emulator-bridge/embedded.ts')).startEmbedded
      : (await import('../emulator-bridge/emulated.ts')).startEmulated;
  const stack = await run({ settings, log });
  stop = stack.stop;
  if (!stopAsked) console.log(welcome(stack));
} catch (error) {
  console.error(explained(error));
  process.exit(isBusy(error) || isOfInput(error) || isOfFolder(error) ? 2 : 1);
} finally {
  started();
}

function read(): Settings {
  try {
    const command = readCommandLine(process.argv.slice(2), process.env);
    if (command.kind === 'start') {
      for (const line of unknownVariables(process.env)) console.error(line);
      return command.settings;
    }
    console.log(USAGE);
    process.exit(0);
  } catch (error) {
    console.error(`${explained(error)}\n\n${USAGE}`);
    process.exit(2);
  }
}

function explained(error: unknown): string {
  if (isBusy(error))
    return `Port ${settings.port} is in use. Stop what listens there, or choose another: --port <n>, --port 0 for any.`;
  if (error instanceof Problem && error.code === 'data_in_use')
    return `${error.message} Stop that one, or choose another folder: --data-dir <path>.`;
  if (error instanceof Problem) return error.message;
  if (isOfFolder(error)) return `The data folder ${settings.dataDir} cannot be used: ${error.message}`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function isBusy(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
}

function isOfInput(error: unknown): boolean {
  return error instanceof Problem && (error.code === 'invalid_settings' || error.code === 'data_in_use');
}

/** Of the file system, or of a database that is none. */
function isOfFolder(error: unknown): error is Error {
  const { code, path } = error as NodeJS.ErrnoException;
  return path !== undefined || code === 'ERR_SQLITE_ERROR';
}
