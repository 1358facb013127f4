import type { Caller } from '../../core/authenticate.ts';
import { Problem } from '../../core/errors.ts';
import type { Intent } from '../../core/intents/intents.ts';
import type { Runtime } from '../../core/runtime.ts';
import type { JsonObject } from '../../core/task.ts';

/**
 * Whether a job may really do something dangerous: it says `confirm_dangerous`, its caller has the scope `dangerous`, and the
 * operator allows the intent. What does not ask runs dry. Throws `Problem` 403 `not_cleared` for what asks and may not.
 */
export function clearance(
  { settings }: Pick<Runtime, 'settings'>,
  caller: Caller,
  { name, dangerous }: Pick<Intent, 'name' | 'dangerous'>,
  inputs: JsonObject,
): boolean {
  if (!dangerous || inputs.confirm_dangerous !== true) return false;
  const flaw = !settings.dangerousIntents.includes(name)
    ? `The operator does not allow ${name}: the setting dangerousIntents lists what is.`
    : !caller.scopes.includes('dangerous')
      ? "These credentials lack the scope 'dangerous'."
      : undefined;
  if (flaw !== undefined) throw new Problem(403, 'not_cleared', `${flaw} Without confirm_dangerous it runs dry.`);
  return true;
}
