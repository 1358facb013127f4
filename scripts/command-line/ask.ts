import { createInterface } from 'node:readline/promises';
import { Problem } from '../../functions/core/errors.ts';

/**
 * Asks on the terminal and gives the line that was typed, trimmed. Throws `Problem` `nobody_to_ask` where there is no terminal;
 * `instead` says what answers without one. Throws `declined` when the terminal ends instead (ctrl-D, or its window is closed).
 */
export async function ask(
  question: string,
  instead: string,
  { stdin, stdout }: Pick<typeof process, 'stdin' | 'stdout'> = process,
): Promise<string> {
  if (!stdin.isTTY) throw new Problem(422, 'nobody_to_ask', `${question}\nThere is no terminal to ask on: ${instead}`);
  // It would take ctrl-C for itself.
  const lines = createInterface({ input: stdin, output: stdout, terminal: false });
  // The question itself would wait for ever.
  const ended = new Promise<never>((_, reject) => {
    lines.once('close', () => reject(new Problem(422, 'declined', 'No answer came, and nothing was done.')));
  });
  try {
    return (await Promise.race([lines.question(`${question} `), ended])).trim();
  } finally {
    lines.close();
  }
}
