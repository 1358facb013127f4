/** A task as it is written first: from its packet, and from what those that it waits for have come to. */

import { sealTime } from './audit/sealing.ts';
import type { Accounts } from './budgets/accounts.ts';
import { microsFromCents } from './budgets/money.ts';
import { closing } from './closing.ts';
import type { Creation } from './create.ts';
import { fingerprint } from './fingerprint.ts';
import { isModification } from './projects.ts';
import type { Runtime } from './runtime.ts';
import { chained, timelineStart } from './signing.ts';
import { type Change, SHARDS } from './store.ts';
import type { Reference, Task } from './task.ts';
import { firstTrace } from './trace.ts';
import { awaitAll } from './waiting/dependencies.ts';
import { dependencyFailed } from './waiting/dependency-ends.ts';
import { wakeOf } from './waiting/wake-time.ts';

type Makers = Pick<Runtime, 'signing' | 'clock' | 'ids' | 'settings' | 'log'>;

/** All of it that needs no look at others; it has not begun, so its timeline is empty. */
export function newTask(runtime: Makers, { tenant, agent, packet }: Creation, payloadRef: Reference | undefined): Task {
  const now = runtime.clock.now();
  const { agent: _, payload, budgetCents, notBefore, dependencies = [], ...given } = packet;
  return withoutUndefined({
    ...given,
    ...(payloadRef ? { payloadRef } : { payload }),
    tenant,
    agent: agent.name,
    modifies: isModification(packet) ? true : packet.modifies,
    status: 'queued',
    ...firstTrace(runtime.ids, packet.traceId),
    budgetMicros: budgetCents === undefined ? agent.priceMicros * packet.maxAttempts : microsFromCents(budgetCents),
    budgetFromEpoch: 0,
    charges: [],
    attempts: 0,
    epoch: 0,
    redrives: 0,
    fingerprint: fingerprint(agent.name, payload),
    requestId: runtime.ids.random(12),
    shard: runtime.ids.below(SHARDS),
    createdAt: now,
    updatedAt: now,
    notBefore: notBefore === undefined ? undefined : notBefore * 1000,
    dependencies: dependencies.length === 0 ? undefined : dependencies,
    chain: { head: '', count: 0 },
    timeline: [],
  }) as unknown as Task;
}

/** The task as it is written first: what its dependencies have come to, and the gates before it, decide how it begins. */
export async function beginning(
  runtime: Makers,
  { by, first }: Creation,
  id: string,
  task: Task,
  accounts: Accounts | undefined,
  gates: readonly string[],
): Promise<Task> {
  const awaited = accounts === undefined ? { waitingFor: [] } : await awaitAll(runtime, accounts, task);
  const { failed } = awaited;
  const waitingFor = failed === undefined ? [...awaited.waitingFor, ...gates] : [];
  const now = runtime.clock.now();
  const waits = waitingFor.length > 0 || failed !== undefined || (task.notBefore ?? 0) > now;
  const status = waits ? 'waiting' : 'queued';
  const soon = Math.min(now + runtime.settings.times.republishMs, task.ttl * 1000);
  // Whoever creates it has it go on at once; should he not come to it, it is found soon.
  const wakeAt = waits ? Math.min(wakeOf(runtime, task), gates.length > 0 ? soon : Number.POSITIVE_INFINITY) : soon;
  const set = { status, wakeAt, ...(waitingFor.length > 0 ? { waitingFor } : {}) } as const;
  const start = { ...task, chain: { head: timelineStart(task.tenant, id), count: 0 } };
  const waitsAt = gates.length > 0 && failed === undefined ? { for: gates } : {};
  const begun = changed(runtime, start, { set, event: { event: status, ...waitsAt, by } });
  const change = first?.({ id, version: '', task: begun });
  const next = change === undefined ? begun : changed(runtime, begun, change);
  if (failed === undefined) return next;
  const end = { status: 'cancelled', error: dependencyFailed(failed), by: 'dependency' } as const;
  return changed(runtime, next, closing(runtime, { id, version: '', task: next }, end, undefined));
}

function changed(runtime: Makers, task: Task, change: Change): Task {
  const next: Record<string, unknown> = { ...task, ...change.set };
  for (const field of change.remove ?? []) delete next[field];
  if (change.event === undefined) return next as unknown as Task;
  const now = runtime.clock.now();
  const { entry, chain } = chained(runtime.signing, task.chain, { at: now, ...change.event });
  return { ...next, chain, timeline: [...task.timeline, entry], ...sealTime(next as unknown as Task, now) } as unknown as Task;
}

function withoutUndefined(object: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}
