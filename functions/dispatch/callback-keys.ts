import * as z from 'zod';
import type { Caller } from '../core/authenticate.ts';
import { Problem } from '../core/errors.ts';
import { checked } from '../core/http.ts';
import { intentOf } from '../core/intents/intents.ts';
import type { Runtime } from '../core/runtime.ts';
import type { JsonObject } from '../core/task.ts';
import { flowKeys, webhookKeys } from '../core/webhook-keys.ts';

/** The query of `GET /callbacks/key`. */
export const keyQuery = z.strictObject({ intent: z.string().min(1).max(200).optional() });

/**
 * `GET /callbacks/key`: `{keys}` that the tenant's callbacks are signed with; with `?intent=` those by which that flow signs its late
 * answers, for admins alone: they end jobs. Throws `Problem` 403, 404 `intent_not_found`, 422.
 */
export async function callbackKeys(runtime: Runtime, caller: Caller, query: unknown): Promise<JsonObject> {
  const { intent } = checked(keyQuery, query);
  if (intent === undefined) return { keys: await webhookKeys(runtime, caller.tenant) };
  if (!caller.scopes.includes('admin')) throw new Problem(403, 'forbidden', "These credentials lack the scope 'admin'.");
  if ((await intentOf(runtime, caller.tenant, intent, 'flow')) === undefined)
    throw new Problem(404, 'intent_not_found', `There is no intent ${intent.slice(0, 100)} of mode flow.`);
  return { keys: await flowKeys(runtime, caller.tenant, intent) };
}
