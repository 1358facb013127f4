/**
 * The switchboard: what is switched off, one document per tenant in the database of control, where nothing that runs tasks can
 * write. An instance reads it again every few seconds while it serves, so that a stop acts everywhere in time, on what runs too.
 */

import { hashedId } from './hashed-id.ts';
import type { Documents } from './ports.ts';
import type { Runtime } from './runtime.ts';
import type { TaskError } from './task.ts';

/** The collection of tenants' switchboards. */
export const SWITCHES = 'switches';
const MAX_TENANTS = 1_000;

/** `deleted` tells those that still remember a thing that it is gone; it can be forgotten when they have. */
export interface Switch {
  readonly state: 'off' | 'deleted';
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly by: string;
}

/** By scope: `agent:` and the agent's name. What is not named is on. */
export type Switches = Readonly<Record<string, Switch>>;

/** Under what an agent stands on the switchboard. */
export const agentScope = (name: string): string => `agent:${name}`;

/** The id of a tenant's switchboard; the tenant's own name may hold anything. */
export const switchesId = (tenant: string): string => hashedId(tenant);

type Readers = Pick<Runtime, 'control' | 'clock' | 'settings'>;
type Watchers = Readers & Pick<Runtime, 'log'>;

interface Board {
  /** When the last reading began. */
  readAt: number;
  switches: Switches;
  reading: Promise<Switches> | undefined;
  readonly watchers: Set<() => void>;
  cancel: () => void;
}

const boards = new WeakMap<Documents, Map<string, Board>>();

/**
 * Why the tasks of an agent must not run now, if so: `agent_disabled` or `agent_not_found`. What is remembered, for at most
 * `times.switchesMs`, may let run, and refuses nobody: what was just switched on runs at once.
 */
export async function stopOf(runtime: Readers, tenant: string, agent: string): Promise<TaskError | undefined> {
  const board = boardOf(runtime, tenant);
  const isFresh = Math.abs(runtime.clock.now() - board.readAt) < runtime.settings.times.switchesMs;
  const known = isFresh ? board.switches : await (board.reading ?? read(runtime, tenant, board));
  return stopIn(known, agent) && stopIn(await read(runtime, tenant, board), agent);
}

/** Why an agent's tasks must not run, as a switchboard says. */
function stopIn(switches: Switches, agent: string): TaskError | undefined {
  const scope = agentScope(agent);
  const state = Object.hasOwn(switches, scope) ? switches[scope]?.state : undefined;
  if (state === 'off') return { code: 'agent_disabled', message: `Agent ${agent} is switched off.` };
  return state === 'deleted' ? { code: 'agent_not_found', message: `Agent ${agent} not found.` } : undefined;
}

/**
 * Calls back once an agent's tasks must not run any more; the result ends the watch. All watchers of a tenant share one reading
 * each `times.switchesMs`. Where it fails they run on: a store that is out of reach for a moment is no stop.
 */
export function watchStop(runtime: Watchers, tenant: string, agent: string, onStop: (error: TaskError) => void): () => void {
  const board = boardOf(runtime, tenant);
  const watcher = () => {
    const error = stopIn(board.switches, agent);
    if (error !== undefined) onStop(error);
  };
  board.watchers.add(watcher);
  if (board.watchers.size === 1) keepReading(runtime, tenant, board);
  return () => {
    board.watchers.delete(watcher);
    if (board.watchers.size === 0) board.cancel();
  };
}

/** What others have read meanwhile puts the next reading off. */
function keepReading(runtime: Watchers, tenant: string, board: Board, pauseMs = 0): void {
  const { clock, settings, log } = runtime;
  const leftMs = () => board.readAt + settings.times.switchesMs - clock.now();
  const waitMs = Math.min(Math.max(pauseMs, leftMs(), 1), settings.times.switchesMs);
  board.cancel = clock.after(waitMs, async () => {
    let retryMs = 0;
    try {
      if (leftMs() <= 0) await read(runtime, tenant, board);
    } catch (error) {
      log.warn({ err: error }, 'What is switched off could not be read; trying again.');
      retryMs = settings.times.switchesMs / 10;
    }
    if (board.watchers.size > 0) keepReading(runtime, tenant, board, retryMs);
  });
}

async function read(runtime: Readers, tenant: string, board: Board): Promise<Switches> {
  const readAt = runtime.clock.now();
  const reading = readSwitches(runtime, tenant);
  board.reading = reading;
  try {
    const switches = await reading;
    if (readAt >= board.readAt) Object.assign(board, { readAt, switches });
    for (const watcher of board.watchers) watcher();
    return switches;
  } finally {
    if (board.reading === reading) board.reading = undefined;
  }
}

/** A tenant's switchboard as it is stored now. */
export async function readSwitches({ control }: Pick<Runtime, 'control'>, tenant: string): Promise<Switches> {
  return ((await control.get(SWITCHES, switchesId(tenant)))?.data.switches ?? {}) as Switches;
}

function boardOf({ control }: Readers, tenant: string): Board {
  const tenants = boards.get(control) ?? new Map<string, Board>();
  boards.set(control, tenants);
  const known = tenants.get(tenant);
  if (known !== undefined) return known;
  if (tenants.size >= MAX_TENANTS) for (const [name, { watchers }] of tenants) if (watchers.size === 0) tenants.delete(name);
  const board: Board = {
    readAt: Number.NEGATIVE_INFINITY,
    switches: {},
    reading: undefined,
    watchers: new Set(),
    cancel: () => {},
  };
  tenants.set(tenant, board);
  return board;
}
