/** `POST /pause` and `/resume`, `POST` and `DELETE /emergency-stop`, `GET /switches`: what people hold up, and let go on. */

import * as z from 'zod';
import { commitAudited } from '../core/audit/audit.ts';
import type { Caller } from '../core/authenticate.ts';
import { Problem } from '../core/errors.ts';
import { checked } from '../core/http.ts';
import { ownProject, projectEntity } from '../core/projects.ts';
import { agentOf } from '../core/registry/registry.ts';
import { freshBoard } from '../core/registry/switchboard.ts';
import { agentScope, PAUSE_ALL, pausedAgentScope, pausedProjectScope, STOP_ALL } from '../core/registry/switches.ts';
import type { Runtime } from '../core/runtime.ts';
import type { JsonObject } from '../core/task.ts';
import { resumeWaiting } from '../core/waiting/admit-waiting.ts';
import { turned } from './switchboard.ts';
import { switchesView } from './switches-view.ts';

/** The body of `POST /pause` and `POST /resume`: exactly one of the three. */
export const pauseBody = z
  .strictObject({
    agent: z.string().min(1).max(63).optional(),
    project: z.string().min(1).max(100).optional(),
    all: z.literal(true).optional(),
  })
  .refine((body) => Object.values(body).filter((value) => value !== undefined).length === 1, {
    message: 'has to name exactly one of agent, project and all',
  });

/** What is paused, or goes on. */
export type Held = z.output<typeof pauseBody>;

/**
 * Pauses an agent, a project (by its id) or everything of the caller's tenant: within 10 s nothing of it starts any more, wherever it
 * was on its way; what runs goes on, and what is dispatched is taken and waits. What is paused already stays so. Gives the view of
 * `getSwitches`. Throws `Problem` 422, 404 `agent_not_found`, `project_not_found`, 409 `too_many_switches`.
 */
export async function pause(runtime: Runtime, caller: Caller, given: unknown): Promise<JsonObject> {
  const target = targetOf(checked(pauseBody, given));
  await target.mustExist(runtime, caller.tenant);
  return turn(runtime, caller, target, 'paused');
}

/**
 * Ends that one pause: what everything's holds stays held, and so does what an emergency stop holds. An agent that is gone can still
 * be resumed, while it is paused. Gives the view, and throws, as `pause` does.
 */
export async function resume(runtime: Runtime, caller: Caller, given: unknown): Promise<JsonObject> {
  return turn(runtime, caller, targetOf(checked(pauseBody, given)), undefined);
}

/**
 * Stops everything of the caller's tenant: within 10 s nothing starts any more, and what runs is aborted and waits, with all its state, to
 * run again once the stop is lifted. What an agent has taken over elsewhere (parked, or handed over to one that does not claim) is
 * out of reach: it learns of the stop where it asks, at `/task/{id}/check`, and its outcome stands. The stop is beside the pauses, so that
 * no resuming lifts it: that takes `liftStop`.
 */
export async function emergencyStop(runtime: Runtime, caller: Caller): Promise<JsonObject> {
  return turn(runtime, caller, EVERYTHING_STOPPED, 'stopped');
}

/** Lifts the emergency stop; what is paused stays paused. */
export async function liftStop(runtime: Runtime, caller: Caller): Promise<JsonObject> {
  return turn(runtime, caller, EVERYTHING_STOPPED, undefined);
}

/**
 * What is stopped, paused and off, since when, by whom, and from when it holds everywhere: `{stopped?, paused: [{all | project | agent,
 * since, by, effectiveAt}], off: [{agent, since, by, effectiveAt}]}`. At most 2000 in all, so it has no pages.
 */
export async function getSwitches(runtime: Runtime, caller: Caller): Promise<JsonObject> {
  return switchesView(runtime, (await freshBoard(runtime, caller.tenant)).switches);
}

/** What a switch is about. */
interface Target {
  readonly scope: string;
  /** About which the audit's entry is. */
  readonly entity: string;
  readonly events: { readonly on: string; readonly off: string };
  /** Throws `Problem` 404. */
  mustExist(runtime: Runtime, tenant: string): Promise<void>;
}

async function turn(
  runtime: Runtime,
  caller: Caller,
  target: Target,
  state: 'paused' | 'stopped' | undefined,
): Promise<JsonObject> {
  const { tenant, name } = caller;
  const { scope, entity, events } = target;
  await commitAudited(runtime, { tenant, entity, actor: name }, async () => {
    const { before, writes } = await turned(runtime, caller, scope, () => state);
    if (before === undefined && state === undefined) await target.mustExist(runtime, tenant);
    return { writes, event: state === undefined ? events.on : events.off, answer: undefined };
  });
  // Read first: what is remembered here may be from before a pause that still holds.
  const view = await getSwitches(runtime, caller);
  if (state === undefined) await goOn(runtime, tenant);
  return view;
}

/** For a while; the sweeper has the rest. */
async function goOn(runtime: Runtime, tenant: string): Promise<void> {
  try {
    await resumeWaiting(runtime, tenant, runtime.clock.now() + runtime.settings.times.followUpMs);
  } catch (error) {
    runtime.log.warn({ err: error }, 'What was resumed could not go on at once; the sweeper will see to it.');
  }
}

const PAUSING = { on: 'resumed', off: 'paused' };
const always = async () => {};

const EVERYTHING_STOPPED: Target = {
  scope: STOP_ALL,
  entity: 'all',
  events: { on: 'stop_lifted', off: 'stopped' },
  mustExist: always,
};

function targetOf({ agent, project }: Held): Target {
  if (agent !== undefined) {
    return {
      scope: pausedAgentScope(agent),
      entity: agentScope(agent),
      events: PAUSING,
      async mustExist(runtime, tenant) {
        if ((await agentOf(runtime, tenant, agent)) !== undefined) return;
        throw new Problem(404, 'agent_not_found', `Agent ${agent} not found.`);
      },
    };
  }
  if (project === undefined) return { scope: PAUSE_ALL, entity: 'all', events: PAUSING, mustExist: always };
  return {
    scope: pausedProjectScope(project),
    entity: projectEntity(project),
    events: PAUSING,
    async mustExist(runtime, tenant) {
      await ownProject(runtime, tenant, project);
    },
  };
}
