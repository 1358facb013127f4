/**
 * The limits that a tenant has set: one document per tenant, which every instance remembers for a while, so that a dispatch under
 * no limit reads nothing. A limit therefore binds from a moment that its answer names.
 */

import { dayOf } from '../days.ts';
import { hashedId } from '../hashed-id.ts';
import { type Documents, PreconditionFailed } from '../ports.ts';
import type { Runtime } from '../runtime.ts';
import { closesAt } from './cost-days.ts';

/** The collection of tenants' documents. */
export const LIMITS = 'limits';
const MAX_TENANTS = 1_000;

/**
 * `plain`: every task takes its hold from the budget itself. `leased`: from an allowance of its instance, for budgets under many
 * writes.
 */
export type LimitMode = 'plain' | 'leased';

/** What may be spent of one scope in a UTC day. */
export interface Limit {
  readonly limitMicros: number;
  readonly mode: LimitMode;
  /** Milliseconds since the epoch. */
  readonly effectiveAt: number;
  readonly changedAt: number;
  readonly changedBy: string;
}

/** By scope: `tenant`, or `agent:` and the agent's name. */
export type Limits = Readonly<Record<string, Limit>>;

/** The document of a tenant: its limits, and the first day whose costs are not added up. */
export interface Tenant {
  readonly tenant: string;
  readonly scopes: Limits;
  readonly shard: number;
  readonly openDay: string;
  /** When that day can be added up. */
  readonly nextCloseAt: number;
}

/** The sweeper finds days to be added up by shard and time. */
export const TENANT_SHARDS = 4;

type Readers = Pick<Runtime, 'documents' | 'clock' | 'settings'>;

/** The id of a tenant's document; the tenant's own name may hold anything. */
export const limitsId = (tenant: string): string => hashedId(tenant);

interface Remembered {
  readonly at: number;
  readonly limits: Promise<Limits>;
}

const remembered = new WeakMap<Documents, Map<string, Remembered>>();

/** The limits of a tenant, at most `times.limitsCacheMs` old. */
export async function limitsOf(runtime: Readers, tenant: string): Promise<Limits> {
  const cache = remembered.get(runtime.documents) ?? new Map<string, Remembered>();
  remembered.set(runtime.documents, cache);
  const now = runtime.clock.now();
  const known = cache.get(tenant);
  if (known !== undefined && Math.abs(now - known.at) < runtime.settings.times.limitsCacheMs) return known.limits;
  const limits = knownLimits(runtime, tenant);
  if (cache.size >= MAX_TENANTS) cache.clear();
  cache.set(tenant, { at: now, limits });
  limits.catch(() => cache.delete(tenant));
  return limits;
}

/** A tenant that is seen for the first time gets its document, by which the sweeper knows of it. */
async function knownLimits(runtime: Readers, tenant: string): Promise<Limits> {
  const id = limitsId(tenant);
  const stored = await runtime.documents.get(LIMITS, id);
  if (stored !== undefined) return stored.data.scopes as Limits;
  const data = { ...newTenant(tenant, runtime.clock.now()) };
  try {
    await runtime.documents.commit([{ kind: 'create', collection: LIMITS, id, data }]);
  } catch (error) {
    if (!(error instanceof PreconditionFailed)) throw error;
  }
  return {};
}

/** The document of a tenant that is seen for the first time. */
export function newTenant(tenant: string, now: number): Tenant {
  const openDay = dayOf(now);
  return { tenant, scopes: {}, shard: now % TENANT_SHARDS, openDay, nextCloseAt: closesAt(openDay) };
}

/** The limits of a tenant as they are stored now. */
export async function readLimits({ documents }: Pick<Runtime, 'documents'>, tenant: string): Promise<Limits> {
  return ((await documents.get(LIMITS, limitsId(tenant)))?.data.scopes ?? {}) as Limits;
}

/** Has the next call read. */
export const forgetLimits = ({ documents }: Pick<Runtime, 'documents'>, tenant: string): void => {
  remembered.get(documents)?.delete(tenant);
};
