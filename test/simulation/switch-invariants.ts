/** What must hold of what is switched off, paused and stopped while tasks wait, and run. */

import {
  agentScope,
  PAUSE_ALL,
  pausedAgentScope,
  pausedProjectScope,
  STOP_ALL,
  type Switches,
} from '../../functions/core/registry/switches.ts';
import type { Task } from '../../functions/core/task.ts';
import { fromDocument } from '../../functions/core/task-document.ts';
import { RESUME } from '../../functions/core/waiting/gate-names.ts';
import type { StoreChange } from './store.ts';
import type { World } from './world.ts';

/** Within this time a stop acts. */
const ACTS_MS = 10_000;
/** What was decided in time may be written later, where calls take long. */
const SLACK_MS = 200_000;
/** Within this time the sweeper finds what was resumed. */
const FOUND_MS = 500_000;
/** What a few readings that fail, each repeated within a second, may take besides. */
const REPEATED_MS = 4_000;

/** Checks every start of a task, and what runs when a stop has to have acted; tells the oracle of the first that breaks a rule. */
export function watchSwitches(world: World): void {
  const { documents, control, oracle, schedule, isSteady, faultsEnd } = world;
  const faults = world.faults();
  const slackMs = isSteady ? 0 : faults.slow === 0 ? REPEATED_MS : SLACK_MS;
  const isPrompt = faults.slow === 0 && faults.failed + faults.lostReply < 0.06;
  /** By tenant and scope; what was switched on again keeps when that was. */
  const offs = new Map<string, { readonly since: number; until: number }>();

  control.onCommit((changes) => {
    for (const change of changes) if (change.collection === 'switches') note(change);
  });
  documents.onCommit((changes) => {
    for (const change of changes) if (change.collection === 'tasks') check(change);
  });

  function note({ at, before, after }: StoreChange): void {
    const tenant = String(after?.tenant);
    const [was, now] = [before, after].map((data) => (data?.switches ?? {}) as Switches) as [Switches, Switches];
    for (const scope of new Set([...Object.keys(was), ...Object.keys(now)])) {
      const [wasOff, isOff] = [was, now].map((switches) => switches[scope] !== undefined);
      const key = `${tenant} ${scope}`;
      if (isOff && !wasOff) {
        const off = { since: at, until: Number.POSITIVE_INFINITY };
        offs.set(key, off);
        if (isPrompt) schedule.after(ACTS_MS + REPEATED_MS, () => off.until === Number.POSITIVE_INFINITY && checkRunning(key));
      }
      const known = offs.get(key);
      if (!isOff && wasOff && known !== undefined) known.until = at;
    }
  }

  function check({ id, at, before, after }: StoreChange): void {
    const was = before && fromDocument(before);
    const now = after && fromDocument(after);
    if (now === undefined || now.status === was?.status) return;
    const off = offs.get(`${now.tenant} ${agentScope(now.agent)}`);
    const held = heldBy(now);
    const goesOn = now.status === 'queued' && was?.status === 'waiting' ? held : [];
    const begins = now.status === 'running' ? [...(off === undefined ? [] : [off]), ...held] : goesOn;
    for (const one of begins) {
      const late = at - one.since - ACTS_MS - slackMs;
      if (one.until > at && late > 0) oracle.violated('nothing starts that is off, or paused', `${id}, ${late} ms late`);
    }
    const isForgotten = was?.standing === RESUME && now.status === 'expired' && !held.some(({ until }) => until > at - FOUND_MS);
    if (isForgotten && (isSteady || at > faultsEnd + FOUND_MS)) oracle.violated('what is resumed goes on', id);
    const wasOff = off !== undefined && off.until > at - SLACK_MS;
    if (now.error?.code === 'agent_disabled' && !wasOff) oracle.violated('only what is off is refused as such', id);
  }

  /** What holds a task up, or has. */
  function heldBy({ tenant, agent, projectId }: Task) {
    const project = projectId === undefined ? [] : [pausedProjectScope(projectId)];
    const scopes = [STOP_ALL, PAUSE_ALL, pausedAgentScope(agent), ...project];
    return scopes.flatMap((scope) => offs.get(`${tenant} ${scope}`) ?? []);
  }

  function checkRunning(key: string): void {
    for (const { taskId, agent, isAlive } of oracle.underWay) {
      const { tenant } = documents.all('tasks').get(taskId)?.data ?? {};
      if (isAlive() && (`${tenant} ${agentScope(agent)}` === key || `${tenant} ${STOP_ALL}` === key))
        oracle.violated('what runs is stopped in time', `${agent} still runs ${taskId}`);
    }
  }
}
