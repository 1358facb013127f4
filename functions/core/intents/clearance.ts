/** Whether something dangerous may be done: by whom, and whether what is run is still what he was cleared for. */

import { Problem } from '../errors.ts';
import { hashedId } from '../hashed-id.ts';
import type { Runtime } from '../runtime.ts';
import type { Job } from '../task.ts';
import type { Intent } from './intents.ts';

type Run = Pick<Intent, 'name' | 'mode' | 'target'>;

/** What a job is cleared for: this intent, as long as it leads to the same. */
export const clearedFor = ({ mode, name, target }: Run): string => hashedId('cleared', mode, name, target);

/** Whether a job may really do what its intent would do now: it was cleared for that, and the operator still allows it. */
export const isCleared = (runtime: Pick<Runtime, 'settings'>, job: Job | undefined, intent: Run): boolean =>
  job?.cleared !== undefined && job.cleared === clearedFor(intent) && isAllowed(runtime, intent);

/**
 * Whether the operator lists it. Where the operator has an intent of the same target, that one's name counts: a tenant's own name for it
 * allows nothing.
 */
export function isAllowed({ settings }: Pick<Runtime, 'settings'>, { name, mode, target }: Run): boolean {
  const operators = settings.intents.filter((row) => row.mode === mode && row.target === target && row.dangerous);
  const names = operators.length > 0 ? operators.map((row) => row.name) : [name];
  return names.every((one) => settings.dangerousIntents.includes(one));
}

/** Throws `Problem` 403 `not_cleared` unless the caller may have it done. */
export function refuseUncleared(runtime: Pick<Runtime, 'settings'>, scopes: readonly string[], intent: Run): void {
  const flaw = !isAllowed(runtime, intent)
    ? `The operator does not allow ${intent.name}: the setting dangerousIntents lists what is.`
    : !scopes.includes('dangerous')
      ? "These credentials lack the scope 'dangerous'."
      : undefined;
  if (flaw !== undefined) throw new Problem(403, 'not_cleared', `${flaw} Without confirm_dangerous it runs dry.`);
}
