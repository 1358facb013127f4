import type { Caller } from '../../core/authenticate.ts';
import { clearedFor, refuseUncleared } from '../../core/intents/clearance.ts';
import type { Intent } from '../../core/intents/intents.ts';
import type { Runtime } from '../../core/runtime.ts';
import type { Job, JsonObject } from '../../core/task.ts';

/**
 * What a job may really do of something dangerous: it says `confirm_dangerous`, its caller has the scope `dangerous`, and the operator
 * allows it. What does not ask runs dry. Throws `Problem` 403 `not_cleared` for what asks and may not.
 */
export function clearance(
  runtime: Pick<Runtime, 'settings'>,
  caller: Caller,
  intent: Intent,
  inputs: JsonObject,
): Pick<Job, 'cleared'> {
  if (!intent.dangerous || inputs.confirm_dangerous !== true) return {};
  refuseUncleared(runtime, caller.scopes, intent);
  return { cleared: clearedFor(intent) };
}
