import { createInterface } from 'node:readline/promises';
import { Problem } from '../../functions/core/errors.ts';

/**
 * Asks on the terminal and gives the line that was typed, trimmed. Throws `Problem` `nobody_to_ask` where there is no terminal;
 * `instead` says what answers without one.
 */
export async function ask(question: string, instead: string): Promise<string> {
  if (!process.stdin.isTTY) throw new Problem(422, 'nobody_to_ask', `${question}\nThere is no terminal to ask on: ${instead}`);
  // It would take ctrl-C for itself.
  const lines = createInterface({ input: process.stdin, output: process.stdout, terminal: false });
  try {
    return (await lines.question(`${question} `)).trim();
  } finally {
    lines.close();
  }
}
