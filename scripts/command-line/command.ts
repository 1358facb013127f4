/** What `deploy`, `destroy`, `key` and `smoke` have in common as commands: their flags, their end, and ctrl-C. */

import { type ParseArgsConfig, parseArgs } from 'node:util';
import { stopOnSignal } from '../../emulator-bridge/signals.ts';
import { Problem } from '../../functions/core/errors.ts';
import type { Terraform } from '../deploy/terraform.ts';

/** Errors after which something may have been changed; after all others nothing was. */
const FAILURES: readonly string[] = ['terraform_failed', 'smoke_failed', 'google_refused', 'store_unavailable'];

export interface Command {
  /** Whose running command ctrl-C ends. */
  terraform?: Terraform;
  /** What has to be taken back, however it ends. */
  readonly release: AsyncDisposableStack;
}

/** Runs a command to its end, and gives the process its exit code. Ctrl-C and SIGTERM let Terraform finish what it is doing. */
export async function runCommand(main: (command: Command) => Promise<void>): Promise<void> {
  const command: Command = { release: new AsyncDisposableStack() };
  let interrupted = false;
  stopOnSignal(
    async () => {
      interrupted = true;
      console.error('\nInterrupted. What runs is let finish; a second ctrl-C does not wait for it.');
      await command.terraform?.interrupt();
      await command.release.disposeAsync();
      process.exit(130);
    },
    (error) => console.error(error),
  );
  try {
    await main(command);
  } catch (error) {
    process.exitCode = error instanceof Problem && !FAILURES.includes(error.code) ? 2 : 1;
    console.error(error instanceof Problem || isOfFiles(error) ? `\n${error.message}` : error);
  }
  if (interrupted) return;
  await command.release.disposeAsync().catch((error) => {
    process.exitCode = 1;
    console.error(error);
  });
  // Google's clients go on trying to reach what they could not, for minutes.
  process.exit();
}

/** Node's own errors of files name the file and what is wrong with it: no folder, no right to write, no room. */
function isOfFiles(error: unknown): error is Error {
  const { code, syscall, message } = error as NodeJS.ErrnoException;
  return syscall !== undefined && message.startsWith(`${code}: `);
}

/** Reads the flags. Throws `Problem` `invalid_flags`, with the usage. */
export function readFlags<Options extends NonNullable<ParseArgsConfig['options']>>(
  args: string[],
  options: Options,
  usage: string,
) {
  try {
    return parseArgs({ args, options }).values;
  } catch (error) {
    throw new Problem(422, 'invalid_flags', `${(error as Error).message.split('. ', 1)[0]}\n\n${usage}`);
  }
}
