/** The same work, in interleaved rounds on the same machine, by Heliograph and by its peers, each with a store that syncs to disk. */

import { setTimeout as pause } from 'node:timers/promises';
import type { Contender, StartContenders } from './contender.ts';
import type { LoadResult } from './load-loop.ts';
import { startOnEmulators, startOursEmbedded } from './ours.ts';
import { startBullmq } from './peers/bullmq.ts';
import { startPgBoss } from './peers/pg-boss.ts';
import { startRestate } from './peers/restate.ts';
import { interleaved } from './rounds.ts';

/** A contender's turn in one round: 32 clients, then one. */
export interface Turn {
  readonly many: LoadResult;
  readonly one: LoadResult;
}

export interface PeerFigures {
  readonly rounds: number;
  /** How long 32 clients went on in each turn; one client half of that. */
  readonly seconds: number;
  readonly turns: Readonly<Record<string, readonly Turn[]>>;
  /** Who was not there, and why. */
  readonly absent: Readonly<Record<string, string>>;
}

export interface PeerOptions {
  readonly rounds: number;
  readonly seconds: number;
  /** Only these, by name; without it everybody who is there. */
  readonly only?: readonly string[];
}

/** Who is started together, and how. The emulators' two share the emulators. */
export const GROUPS: readonly (readonly [names: readonly string[], start: StartContenders])[] = [
  [['embedded'], startOursEmbedded],
  [['restate'], startRestate],
  [['bullmq'], startBullmq],
  [['pgBoss'], startPgBoss],
  [['emulators', 'bare'], startOnEmulators],
];

export const CLIENTS = 32;
/** For what a neighbour still writes after its turn. */
const SETTLE_MS = 500;

/**
 * Starts those with stores on disk, warms them up and lets them take turns; when they have gone, those on the emulators, which are
 * compared with one another alone and whose Java would take from the others even while it has nothing to do.
 */
export async function measurePeers(options: PeerOptions): Promise<PeerFigures> {
  const isOnEmulators = ([names]: (typeof GROUPS)[number]): boolean => names.includes('emulators');
  const durable = await measureGroups(
    GROUPS.filter((group) => !isOnEmulators(group)),
    options,
  );
  const emulated = await measureGroups(GROUPS.filter(isOnEmulators), options);
  return {
    rounds: options.rounds,
    seconds: options.seconds,
    turns: { ...durable.turns, ...emulated.turns },
    absent: { ...durable.absent, ...emulated.absent },
  };
}

async function measureGroups(
  groups: typeof GROUPS,
  { rounds, seconds, only }: PeerOptions,
): Promise<Pick<PeerFigures, 'turns' | 'absent'>> {
  await using release = new AsyncDisposableStack();
  const contenders: Record<string, Contender> = {};
  const absent: Record<string, string> = {};
  for (const [names, start] of groups) {
    const wanted = names.filter((name) => only === undefined || only.includes(name));
    if (wanted.length === 0) continue;
    console.error(`Starting ${wanted.join(' and ')} …`);
    const own = release.use(new AsyncDisposableStack());
    try {
      const started = await start(own);
      for (const name of wanted) if (started[name]) contenders[name] = started[name];
    } catch (error) {
      await own.disposeAsync();
      for (const name of wanted) absent[name] = (error as Error).message;
    }
  }
  for (const name of Object.keys(contenders)) await contenders[name]?.run({ clients: CLIENTS, seconds });
  const turns = await interleaved(
    rounds,
    Object.fromEntries(Object.entries(contenders).map(([name, contender]) => [name, () => turn(contender, seconds)])),
  );
  return { turns, absent };
}

async function turn(contender: Contender, seconds: number): Promise<Turn> {
  await contender.empty?.();
  await pause(SETTLE_MS);
  const many = await contender.run({ clients: CLIENTS, seconds });
  return { many, one: await contender.run({ clients: 1, seconds: seconds / 2 }) };
}
