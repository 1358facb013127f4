/**
 * The switchboard: what people have switched off, paused and stopped, and what they want to be asked about. One document per tenant
 * in the database of control, where nothing that runs tasks can write; all of this acts within `times.switchesMs` everywhere.
 */

import type { Runtime } from '../runtime.ts';
import type { TaskError } from '../task.ts';
import {
  freshBoard,
  type Readers,
  readBoard,
  rememberedBoard,
  type Switchboard,
  type Watchers,
  watchBoard,
} from './switchboard.ts';

export { SWITCHES, switchesId } from './switchboard.ts';

/**
 * `off` and `deleted` are agents: their tasks end. `paused`: tasks wait, and what runs goes on. `stopped`: what runs is aborted
 * too, and waits. `deleted` tells those that still remember a thing that it is gone; it can be forgotten when they have.
 */
export interface Switch {
  readonly state: 'off' | 'deleted' | 'paused' | 'stopped';
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly by: string;
}

/** By scope, as named below. What is not named is on. */
export type Switches = Readonly<Record<string, Switch>>;

/** Under what an agent stands on the switchboard. */
export const agentScope = (name: string): string => `agent:${name}`;
/** Under what the pauses stand, and the emergency stop. */
export const pausedAgentScope = (name: string): string => `pause:agent:${name}`;
export const pausedProjectScope = (projectId: string): string => `pause:project:${projectId}`;
export const PAUSE_ALL = 'pause:all';
export const STOP_ALL = 'stop:all';

/** Which tasks wait for somebody's approval before they run: those to which any of this applies. */
export interface ApprovalPolicy {
  /** Values of `work.task_type`. */
  readonly taskTypes: readonly string[];
  readonly agents: readonly string[];
  /** Tasks with a larger budget. */
  readonly costAboveCents?: number;
  /** Nobody approves what was dispatched with the same credentials. */
  readonly fourEyes?: boolean;
  /** Milliseconds since the epoch. */
  readonly changedAt?: number;
  readonly changedBy?: string;
}

/** Why a task must wait, under which scope. */
export interface Pause {
  readonly scope: string;
  readonly code: 'paused' | 'stopped';
  readonly message: string;
}

/**
 * Why the tasks of an agent must not run now, if so: `agent_disabled` or `agent_not_found`. What is remembered, for at most
 * `times.switchesMs`, may let run, and refuses nobody: what was just switched on runs at once.
 */
export async function stopOf(runtime: Readers, tenant: string, agent: string): Promise<TaskError | undefined> {
  return judged(runtime, tenant, (board) => stopIn(board, agent));
}

/** Why a task must wait now, if so: the widest pause of those that hold it. What is remembered counts as for `stopOf`. */
export async function pauseOf(
  runtime: Readers,
  tenant: string,
  task: { readonly agent: string; readonly projectId?: string },
): Promise<Pause | undefined> {
  return judged(runtime, tenant, (board) => pauseIn(board, task));
}

/** Why a running attempt of an agent must end now, if so: what `stopOf` says, or `stopped`. */
export async function abortOf(runtime: Readers, tenant: string, agent: string): Promise<TaskError | undefined> {
  return judged(runtime, tenant, (board) => abortIn(board, agent));
}

/** What a tenant wants to be asked about, as remembered. */
export async function approvalPolicyOf(runtime: Readers, tenant: string): Promise<ApprovalPolicy | undefined> {
  return (await rememberedBoard(runtime, tenant)).approvals;
}

/**
 * Calls back once a running attempt of an agent must end: what `abortOf` would say. The result ends the watch. Where the store is
 * out of reach for a moment it runs on: that is no stop.
 */
export function watchStop(runtime: Watchers, tenant: string, agent: string, onStop: (error: TaskError) => void): () => void {
  return watchBoard(runtime, tenant, (board) => {
    const error = abortIn(board, agent);
    if (error !== undefined) onStop(error);
  });
}

/** Clocks apart, and the time that the writing takes. */
const MARGIN_MS = 1_000;

/** From when a decision of `at` (milliseconds since the epoch) holds in every instance: what is remembered from before is over then. */
export const effectiveAt = ({ settings }: Pick<Runtime, 'settings'>, at: number): string =>
  new Date(at + settings.times.switchesMs + MARGIN_MS).toISOString();

/** A tenant's switches as they are stored now. */
export async function readSwitches(runtime: Pick<Runtime, 'control'>, tenant: string): Promise<Switches> {
  return (await readBoard(runtime, tenant)).switches;
}

async function judged<T>(runtime: Readers, tenant: string, judge: (board: Switchboard) => T | undefined): Promise<T | undefined> {
  return judge(await rememberedBoard(runtime, tenant)) && judge(await freshBoard(runtime, tenant));
}

/** Why an agent's tasks must not run, as a switchboard says. */
function stopIn(board: Switchboard, agent: string): TaskError | undefined {
  const state = stateIn(board, agentScope(agent));
  if (state === 'off') return { code: 'agent_disabled', message: `Agent ${agent} is switched off.` };
  return state === 'deleted' ? { code: 'agent_not_found', message: `Agent ${agent} not found.` } : undefined;
}

function abortIn(board: Switchboard, agent: string): TaskError | undefined {
  const stopped = stateIn(board, STOP_ALL) === undefined ? undefined : { code: STOPPED.code, message: STOPPED.message };
  return stopIn(board, agent) ?? stopped;
}

function pauseIn(board: Switchboard, { agent, projectId }: { agent: string; projectId?: string }): Pause | undefined {
  const pauses: Pause[] = [
    STOPPED,
    { scope: PAUSE_ALL, code: 'paused', message: 'Everything is paused.' },
    ...(projectId === undefined
      ? []
      : [{ scope: pausedProjectScope(projectId), code: 'paused' as const, message: `Project ${projectId} is paused.` }]),
    { scope: pausedAgentScope(agent), code: 'paused', message: `Agent ${agent} is paused.` },
  ];
  return pauses.find(({ scope }) => stateIn(board, scope) !== undefined);
}

const STOPPED: Pause = { scope: STOP_ALL, code: 'stopped', message: 'Everything is stopped, in an emergency.' };

function stateIn({ switches }: Switchboard, scope: string): Switch['state'] | undefined {
  return Object.hasOwn(switches, scope) ? switches[scope]?.state : undefined;
}
