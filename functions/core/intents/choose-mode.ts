/** `auto`: which mode an intent runs in. The table is row O7 of the sources, with `mcp.` before it; what it says yields to what there is. */

import type { Intent, IntentMode } from './intents.ts';

interface Rule {
  readonly matches: RegExp;
  readonly mode: IntentMode;
  /** Completes "because …". */
  readonly because: string;
}

/** The first that matches counts. */
export const AUTO_RULES: readonly Rule[] = [
  { matches: /^mcp\./, mode: 'mcp', because: 'it names a tool of an MCP server' },
  { matches: /\.(?:peek|read)$/, mode: 'agent', because: 'it only reads' },
  { matches: /^memory\./, mode: 'agent', because: 'memory is a tool' },
  { matches: /^(?:gmail|digest|workflow|slack|calendar|fs)\./, mode: 'flow', because: 'its first word is one of a flow' },
  { matches: /^ssh\./, mode: 'agent', because: 'ssh is a tool' },
  { matches: /^/, mode: 'flow', because: 'nothing else fits' },
];

export interface Chosen {
  readonly intent: Intent;
  /** For the job's log. */
  readonly why: string;
}

/** The mode by the table, or, where the intent does not exist in that, the one in which it does. */
export async function chooseMode(
  name: string,
  find: (mode: IntentMode) => Promise<Intent | undefined>,
): Promise<Chosen | undefined> {
  const { mode, because } = AUTO_RULES.find(({ matches }) => matches.test(name)) as Rule;
  const first = await find(mode);
  if (first !== undefined) return { intent: first, why: `${mode}, because ${because}` };
  for (const other of ['agent', 'flow', 'mcp'] as const) {
    const intent = other === mode ? undefined : await find(other);
    if (intent !== undefined) return { intent, why: `${other}, because there is no ${name} in mode ${mode}, where ${because}` };
  }
  return undefined;
}
