/**
 * How an instance knows its tenants' switchboards: it remembers each for a few seconds, and while something runs that a stop must
 * reach it reads again and again, once for all who watch.
 */

import { hashedId } from '../hashed-id.ts';
import type { Documents } from '../ports.ts';
import type { Runtime } from '../runtime.ts';
import type { ApprovalPolicy, Switches } from './switches.ts';

/** The collection of tenants' switchboards. */
export const SWITCHES = 'switches';
const MAX_TENANTS = 1_000;

/** What the document of a tenant says. */
export interface Switchboard {
  readonly switches: Switches;
  readonly approvals?: ApprovalPolicy;
}

/** The id of a tenant's switchboard; the tenant's own name may hold anything. */
export const switchesId = (tenant: string): string => hashedId(tenant);

export type Readers = Pick<Runtime, 'control' | 'clock' | 'settings'>;
export type Watchers = Readers & Pick<Runtime, 'log'>;

interface Memory {
  /** When the last reading began. */
  readAt: number;
  board: Switchboard;
  reading: Promise<Switchboard> | undefined;
  readonly watchers: Set<() => void>;
  cancel: () => void;
}

const memories = new WeakMap<Documents, Map<string, Memory>>();

/** A tenant's switchboard, at most `times.switchesMs` old. */
export async function rememberedBoard(runtime: Readers, tenant: string): Promise<Switchboard> {
  const memory = memoryOf(runtime, tenant);
  const isFresh = Math.abs(runtime.clock.now() - memory.readAt) < runtime.settings.times.switchesMs;
  return isFresh ? memory.board : (memory.reading ?? read(runtime, tenant, memory));
}

/** The same as it is stored now, which is remembered. */
export function freshBoard(runtime: Readers, tenant: string): Promise<Switchboard> {
  return read(runtime, tenant, memoryOf(runtime, tenant));
}

/** A tenant's switchboard as it is stored now, for whoever is to show or change it. */
export async function readBoard({ control }: Pick<Runtime, 'control'>, tenant: string): Promise<Switchboard> {
  const { switches = {}, approvals } = ((await control.get(SWITCHES, switchesId(tenant)))?.data ?? {}) as Partial<Switchboard>;
  return { switches, ...(approvals === undefined ? {} : { approvals }) };
}

/**
 * Calls back with each reading, at least one each `times.switchesMs`, which all watchers of a tenant share; the result ends the
 * watch. Where a reading fails nobody is called: a store that is out of reach for a moment says nothing.
 */
export function watchBoard(runtime: Watchers, tenant: string, onRead: (board: Switchboard) => void): () => void {
  const memory = memoryOf(runtime, tenant);
  const watcher = () => onRead(memory.board);
  memory.watchers.add(watcher);
  if (memory.watchers.size === 1) keepReading(runtime, tenant, memory);
  return () => {
    memory.watchers.delete(watcher);
    if (memory.watchers.size === 0) memory.cancel();
  };
}

/** What others have read meanwhile puts the next reading off. */
function keepReading(runtime: Watchers, tenant: string, memory: Memory, pauseMs = 0): void {
  const { clock, settings, log } = runtime;
  const leftMs = () => memory.readAt + settings.times.switchesMs - clock.now();
  const waitMs = Math.min(Math.max(pauseMs, leftMs(), 1), settings.times.switchesMs);
  memory.cancel = clock.after(waitMs, async () => {
    let retryMs = 0;
    try {
      if (leftMs() <= 0) await read(runtime, tenant, memory);
    } catch (error) {
      log.warn({ err: error }, 'What is switched off could not be read; trying again.');
      retryMs = settings.times.switchesMs / 10;
    }
    if (memory.watchers.size > 0) keepReading(runtime, tenant, memory, retryMs);
  });
}

async function read(runtime: Readers, tenant: string, memory: Memory): Promise<Switchboard> {
  const readAt = runtime.clock.now();
  const reading = readBoard(runtime, tenant);
  memory.reading = reading;
  try {
    const board = await reading;
    if (readAt >= memory.readAt) Object.assign(memory, { readAt, board });
    for (const watcher of memory.watchers) watcher();
    return board;
  } finally {
    if (memory.reading === reading) memory.reading = undefined;
  }
}

function memoryOf({ control }: Readers, tenant: string): Memory {
  const tenants = memories.get(control) ?? new Map<string, Memory>();
  memories.set(control, tenants);
  const known = tenants.get(tenant);
  if (known !== undefined) return known;
  if (tenants.size >= MAX_TENANTS) for (const [name, { watchers }] of tenants) if (watchers.size === 0) tenants.delete(name);
  const memory: Memory = {
    readAt: Number.NEGATIVE_INFINITY,
    board: { switches: {} },
    reading: undefined,
    watchers: new Set(),
    cancel: () => {},
  };
  tenants.set(tenant, memory);
  return memory;
}
