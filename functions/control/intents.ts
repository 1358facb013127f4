/** `GET /intents`, `PUT` and `DELETE /intents/{name}`: what `/orchestrate` can be asked for. */

import * as z from 'zod';
import { commitAudited } from '../core/audit/audit.ts';
import type { Caller } from '../core/authenticate.ts';
import { centsFromMicros, microsFromCents } from '../core/budgets/money.ts';
import { Problem } from '../core/errors.ts';
import { checked, invalidFields, paging } from '../core/http.ts';
import { intentName, intentTerms } from '../core/intents/intent-settings.ts';
import {
  everybodysIntent,
  everybodysIntents,
  INTENTS,
  type Intent,
  type IntentMode,
  intentFrom,
  intentId,
  type StoredIntent,
} from '../core/intents/intents.ts';
import { decodedCursor, encodedCursor } from '../core/list-tasks.ts';
import type { Fields, Stored, Write } from '../core/ports.ts';
import type { Runtime } from '../core/runtime.ts';
import type { JsonObject } from '../core/task.ts';
import { checkOutside } from './outside-address.ts';

const mode = z.enum(['flow', 'mcp']);

/** The body of `PUT /intents/{name}`. */
export const intentBody = z.strictObject({ mode, ...intentTerms });
/** The query of `DELETE /intents/{name}`. */
export const intentQuery = z.strictObject({ mode });
/** The query of `GET /intents`. */
export const intentsQuery = z.strictObject(paging);

/** `{intents, nextCursor?}`: on the first page also everybody's, by name; the tenant's own newest first. */
export async function listIntents(runtime: Runtime, { tenant }: Caller, query: unknown): Promise<JsonObject> {
  const { limit, cursor } = checked(intentsQuery, query);
  if (limit === 0) return { intents: [] };
  const found = await runtime.control.query(INTENTS, {
    equal: { tenant },
    orderBy: { field: 'updatedAt', direction: 'desc' },
    ...(cursor === undefined ? {} : { after: decodedCursor(cursor) }),
    limit: limit + 1,
  });
  const page = found.documents.slice(0, limit);
  const last = page.at(-1);
  const own = page.map(({ data }) => intentView(intentFrom(data as unknown as StoredIntent)));
  const everybodys = cursor === undefined ? everybodysIntents(runtime).map(intentView) : [];
  const isMore = last !== undefined && found.documents.length > limit;
  return { intents: [...everybodys, ...own], ...(isMore ? { nextCursor: cursorOf(last) } : {}) };
}

/**
 * Sets an intent of the tenant's own, in the place of one of the same name and mode; in force within `times.agentsCacheMs`. Gives
 * its view. Throws `Problem` 422 `invalid_fields`, `egress_denied`, 409 `intent_reserved`.
 */
export async function putIntent(runtime: Runtime, caller: Caller, name: string, given: unknown): Promise<JsonObject> {
  const wanted = checked(intentBody, given);
  checkName(name);
  refuseReserved(runtime, name, wanted.mode);
  if (wanted.mode === 'flow') await checkOutside(runtime, 'target', wanted.target);
  else checkTool(runtime, wanted.target);
  const { priceCents, timeLimitSeconds, ...terms } = wanted;
  const { tenant } = caller;
  const intent: StoredIntent = {
    ...terms,
    name,
    tenant,
    priceMicros: microsFromCents(priceCents),
    timeLimitMs: timeLimitSeconds * 1000,
    updatedAt: runtime.clock.now(),
    updatedBy: caller.name,
  };
  const place = { collection: INTENTS, id: intentId(tenant, name, wanted.mode), data: intent as unknown as Fields };
  return commitAudited(runtime, { tenant, entity: `intent:${wanted.mode}:${name}`, actor: caller.name }, async () => {
    const before = await runtime.control.get(INTENTS, place.id);
    const write: Write =
      before === undefined ? { kind: 'create', ...place } : { kind: 'replace', version: before.version, ...place };
    const event = before === undefined ? 'intent_set' : 'intent_replaced';
    return { writes: [write], event, detail: { ...wanted }, answer: intentView(intentFrom(intent)) };
  });
}

/** Removes an intent of the tenant's own. Throws `Problem` 404 `intent_not_found`, 409 `intent_reserved`. */
export async function deleteIntent(runtime: Runtime, caller: Caller, name: string, query: unknown): Promise<JsonObject> {
  const { mode: of } = checked(intentQuery, query);
  refuseReserved(runtime, name, of);
  const { tenant } = caller;
  const id = intentId(tenant, name, of);
  return commitAudited(runtime, { tenant, entity: `intent:${of}:${name}`, actor: caller.name }, async () => {
    const stored = await runtime.control.get(INTENTS, id);
    if (stored === undefined) throw new Problem(404, 'intent_not_found', `There is no intent ${name.slice(0, 100)} of mode ${of}.`);
    const write: Write = { kind: 'delete', collection: INTENTS, id, version: stored.version };
    return { writes: [write], event: 'intent_removed', answer: { status: 'success', name, mode: of } };
  });
}

/** The operator's own addresses are not shown. */
function intentView({ timeLimitMs, priceMicros, trust: _, target, ...intent }: Intent): JsonObject {
  const isShown = intent.mode !== 'flow' || intent.source === 'tenant';
  return {
    ...intent,
    ...(isShown ? { target } : {}),
    timeLimitSeconds: timeLimitMs / 1000,
    priceCents: centsFromMicros(priceMicros),
  };
}

function refuseReserved(runtime: Runtime, name: string, of: IntentMode): void {
  if (everybodysIntent(runtime, name, of) === undefined) return;
  throw new Problem(409, 'intent_reserved', `${name} of mode ${of} is everybody's, by the settings. Choose another name.`);
}

function checkName(name: string): void {
  const { error } = intentName.safeParse(name);
  if (error !== undefined)
    throw invalidFields([{ field: 'name', code: 'invalid', message: error.issues[0]?.message ?? 'is no name' }]);
}

function checkTool({ settings }: Runtime, target: string): void {
  const names = settings.mcpServers.map(({ name }) => name);
  const [server = '', ...tool] = target.split('/');
  if (names.includes(server) && tool.join('/') !== '') return;
  const message = `has to be <server>/<tool>, with one of the servers of the settings: ${names.join(', ') || 'there are none'}`;
  throw invalidFields([{ field: 'target', code: 'unknown_server', message }]);
}

const cursorOf = ({ id, data }: Stored): string => encodedCursor({ id, version: '', data: { createdAt: data.updatedAt } });
