/** What must hold of gates: limits of agents, locks of projects, backups, approvals, and who goes first. */

import { AGENTS } from '../../functions/core/registry/registry.ts';
import { isEnded, type Known, lifeOf, type Task } from '../../functions/core/task.ts';
import { fromDocument } from '../../functions/core/task-document.ts';
import { APPROVALS, type Approval, approvalId } from '../../functions/core/waiting/approvals.ts';
import { rankOf } from '../../functions/core/waiting/dependencies.ts';
import { APPROVAL, agentGate, BACKUP, projectGate, resourceOf } from '../../functions/core/waiting/gate-names.ts';
import type { Slot } from '../../functions/core/waiting/taken.ts';
import { FEW } from './agents.ts';
import { backupIdOf, projectOf, RESTORER } from './backup-takers.ts';
import type { Gates } from './scenario.ts';
import type { StoreChange } from './store.ts';
import { TENANTS } from './tenants.ts';
import type { World } from './world.ts';

/** How long something may be free while somebody waits for it: less than until the sweeper looks by itself. */
const PROMPT_MS = 150_000;
/** What began before the faults ended may still be on its way. */
const SETTLED_MS = 100_000;
/** What was decided in time may be written later, where calls take long. */
const SLACK_MS = 200_000;
/** Within this time the sweeper fills a limit that was raised. */
const FILLED_MS = 500_000;
/** Whoever joined a line a moment ago may not have been seen by those who were looking. */
const SEEN_MS = 1_000;

/** Checks every change of what is taken and of who takes it; tells the oracle of the first that breaks a rule. */
export function watchGates(world: World, gates: Gates | undefined): { checkTheEnd(): void } {
  const { documents, control, oracle, schedule } = world;
  /** By resource: its limits, each from when on. */
  const limits = new Map(
    TENANTS.flatMap((tenant): [string, { readonly at: number; readonly limit: number }[]][] => [
      [resourceOf(tenant, agentGate(FEW.name)), [{ at: 0, limit: gates?.concurrency ?? 0 }]],
      [resourceOf(tenant, projectGate(projectOf(tenant))), [{ at: 0, limit: 1 }]],
    ]),
  );
  const slackMs = world.faults().slow === 0 ? 5_000 : SLACK_MS;
  /** Where something is free though somebody waits for it: since when. */
  const idle = new Map<string, number>();
  /** When the holder of a slot has ended, by the slot. */
  const leftOver = new Map<string, number>();
  /** Since when somebody stands in a line, by his place. */
  const joined = new Map<string, number>();

  control.onCommit((changes) => {
    for (const { collection, after, at } of changes) {
      if (collection !== AGENTS || after?.concurrency === undefined) continue;
      const resource = resourceOf(String(after.tenant), agentGate(String(after.name)));
      limits.get(resource)?.push({ at, limit: after.concurrency as number });
    }
  });
  documents.onCommit((changes) => {
    for (const change of changes) if (change.collection === 'slots') checkSlot(change);
    for (const change of changes) if (change.collection === 'tasks') checkTask(change);
    for (const change of changes) if (change.collection === 'dependents') noteLine(change);
    const touched = changes.map(({ before, after }) => (after ?? before)?.resource ?? (after ?? before)?.dependency);
    for (const resource of new Set(touched)) if (typeof resource === 'string') noteIdle(resource);
  });

  return {
    checkTheEnd() {
      for (const [id, { data }] of documents.all('slots'))
        oracle.violated('nothing is held by what has ended', `${id}: ${data.holder}`);
      for (const [resource, since] of idle) checkIdle(resource, since);
    },
  };

  function checkSlot({ id, before, after }: StoreChange): void {
    if (after === undefined) {
      checkFreed(id);
      return;
    }
    const { resource, number, holder, life } = after as unknown as Slot;
    // An instance may remember the one before.
    const known = limitsOf(resource, world.settings.times.agentsCacheMs + slackMs);
    const limit = Math.max(...known);
    const taken = takenOf(resource);
    if (taken > limit || number >= limit)
      oracle.violated('no more than the limit have a slot', `${taken} of ${limit}, number ${number}`);
    const isRestorer = holder.startsWith(RESTORER);
    if (before !== undefined && !(isRestorer && before.holder === holder))
      oracle.violated('what is taken is given to nobody else', `${id}: ${before.holder} -> ${holder}`);
    const own = [...documents.all('slots').values()].filter(({ data }) => data.resource === resource && data.holder === holder);
    if (own.length > 1) oracle.violated('nobody has more than one slot', `${holder}: ${own.map(({ data }) => data.number)}`);
    if (isRestorer) return;
    const task = taskOf(holder);
    if (task === undefined || lifeOf(task) !== life || !task.took?.includes(id)) {
      oracle.violated('whoever takes a slot knows', `${id}: ${holder}`);
      return;
    }
    if (!world.isSteady || known.length > 1) return;
    const better = [...documents.all('dependents')].filter(
      ([place, { data }]) =>
        data.dependency === resource &&
        (data.rank as number) < rankOf(task.priority, task.createdAt) &&
        schedule.now() - (joined.get(place) ?? 0) > SEEN_MS,
    );
    // All that is free may be given out at the same time, in any order.
    if (better.length > limit - taken)
      oracle.violated('the highest priority goes first', `${holder} before ${better[0]?.[1].data.dependent}`);
  }

  /** What its holder's end did not give back the sweeper does. */
  function checkFreed(id: string): void {
    const since = leftOver.get(id);
    leftOver.delete(id);
    if (since === undefined) return;
    const ms = schedule.now() - (world.isSteady ? since : Math.max(since, world.faultsEnd + SETTLED_MS));
    if (ms > PROMPT_MS) oracle.violated('what has ended holds nothing for long', `${id}: ${ms} ms`);
  }

  function checkTask({ id, before, after }: StoreChange): void {
    const was = before && fromDocument(before);
    const now = after && fromDocument(after);
    if (now === undefined) return;
    const known: Known<Task> = { id, version: '', task: now };
    const entry = now.timeline.length > (was?.timeline.length ?? 0) ? now.timeline.at(-1) : undefined;
    const isOfBackup = entry?.event === 'backed_up' || (entry?.by === 'backups' && isEnded(now.status));
    if (isOfBackup && (was?.status !== 'waiting' || was.waitingFor?.[0] !== BACKUP))
      oracle.violated('who does not wait for a backup is told of none', `${id}, ${was?.status}: ${entry.event}`);
    if (isEnded(now.status) && !isEnded(was?.status ?? 'waiting')) {
      for (const slot of now.took ?? [])
        if (documents.all('slots').get(slot)?.data.holder === id) leftOver.set(slot, schedule.now());
    }
    if (!isEnded(now.status)) {
      for (const slot of now.took ?? []) {
        const held = documents.all('slots').get(slot)?.data;
        if (held?.holder !== id || held.life !== lifeOf(now)) oracle.violated('whoever holds a slot has it', `${id}: ${slot}`);
      }
    }
    const standing = now.status === 'waiting' ? now.standing : undefined;
    if (standing !== now.standing) oracle.violated('who goes on stands in no line', `${id}, ${now.status}: ${now.standing}`);
    if (standing !== undefined && standing !== was?.standing && (now.notBefore ?? 0) > schedule.now() + world.skewMs)
      oracle.violated('nobody stands in line before his time', `${id}: ${standing}`);
    if (now.status === was?.status || now.status !== 'running') return;
    const took = (gate: string): boolean => now.took?.some((slot) => slot.startsWith(resourceOf(now.tenant, gate))) === true;
    if (gates !== undefined && now.agent === FEW.name && !took(agentGate(FEW.name)))
      oracle.violated('nothing runs without its slot', id);
    if (now.modifies) {
      if (!took(projectGate(String(now.projectId)))) oracle.violated('nothing is modified without its lock', id);
      if (now.backupId !== backupIdOf(known)) oracle.violated('nothing is modified without a way back', `${id}: ${now.backupId}`);
    }
    if (needsApproval(now)) {
      const approval = control.all(APPROVALS).get(approvalId(known))?.data as unknown as Approval | undefined;
      if (approval?.decision !== 'approved') oracle.violated('nothing runs unapproved', id);
    }
  }

  function needsApproval({ agent, modifies, timeline }: Task): boolean {
    const { taskTypes = [], agents = [] } = gates?.policy ?? {};
    const wasAsked = timeline.some(({ for: what }) => Array.isArray(what) && what.includes(APPROVAL));
    return wasAsked || agents.includes(agent) || (modifies === true && taskTypes.includes('modification'));
  }

  function noteLine({ id, before, after }: StoreChange): void {
    if (before === undefined) joined.set(id, schedule.now());
    if (after === undefined) joined.delete(id);
  }

  function noteIdle(resource: string): void {
    if (!limits.has(resource)) return;
    // What was raised is filled when the sweeper looks.
    const limit = Math.min(...limitsOf(resource, FILLED_MS));
    const isWanted = [...documents.all('dependents').values()].some(({ data }) => data.dependency === resource);
    const isIdle = isWanted && takenOf(resource) < limit;
    const since = idle.get(resource);
    if (isIdle && since === undefined) idle.set(resource, schedule.now());
    if (since === undefined || isIdle) return;
    checkIdle(resource, since);
    idle.delete(resource);
  }

  function checkIdle(resource: string, since: number): void {
    const isCalm = world.isSteady || since > world.faultsEnd + SETTLED_MS;
    const ms = schedule.now() - since;
    if (isCalm && ms > PROMPT_MS) oracle.violated('what is free is given at once', `${resource} was free for ${ms} ms`);
  }

  /** Those that were in force within the last `ms`. */
  function limitsOf(resource: string, ms: number): readonly number[] {
    const all = limits.get(resource) ?? [];
    const from = schedule.now() - ms;
    return all.filter((_, index) => (all[index + 1]?.at ?? Number.POSITIVE_INFINITY) > from).map(({ limit }) => limit);
  }

  function takenOf(resource: string): number {
    return [...documents.all('slots').values()].filter(({ data }) => data.resource === resource).length;
  }

  function taskOf(id: string): Task | undefined {
    const data = documents.all('tasks').get(id)?.data;
    return data && fromDocument(data);
  }
}
