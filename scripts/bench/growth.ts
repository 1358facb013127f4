/** Whether a large store is slower: tasks per second with a million tasks stored, over those with a thousand. */

import { randomBytes, randomInt } from 'node:crypto';
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../functions/adapters/clock.ts';
import { openDatabase } from '../../functions/adapters/sqlite-database.ts';
import { sqliteDocuments } from '../../functions/adapters/sqlite-documents.ts';
import type { Fields } from '../../functions/core/ports.ts';
import { SHARDS, TASKS } from '../../functions/core/store.ts';
import type { Task } from '../../functions/core/task.ts';
import { fromDocument, toDocument } from '../../functions/core/task-document.ts';
import { topology } from '../../functions/topology.ts';
import { temporaryFolder } from './contender.ts';
import { startHeliograph, startLoad } from './measured-process.ts';
import { interleaved, ratios } from './rounds.ts';

export interface GrowthFigures {
  readonly few: number;
  readonly many: number;
  /** Tasks per second, by round. */
  readonly atFew: readonly number[];
  readonly atMany: readonly number[];
  /** `atMany` over `atFew`, by round. */
  readonly ratio: readonly number[];
}

const FEW = 1_000;
const CLIENTS = 32;
const AT_ONCE = 1_000;
/** The copies lie within so many milliseconds, less than tasks are kept. */
const SPAN_MS = 20 * 86_400_000;

/**
 * Each turn starts a server of its own: the small store from a copy, so that it is small again, the large one as it is. Both
 * are warmed up alike. `many` is what the large one holds at first.
 */
export async function measureGrowth(options: { rounds: number; seconds: number; many: number }): Promise<GrowthFigures> {
  const { rounds, seconds, many } = options;
  if (many <= FEW) throw new RangeError(`The large store has to hold more than the ${FEW} tasks of the small one.`);
  await using release = new AsyncDisposableStack();
  const folder = await temporaryFolder(release);
  const [base, small, large] = ['base', 'small', 'large'].map((name) => join(folder, name)) as [string, string, string];
  const load = release.adopt(startLoad(), (it) => it.stop());

  const rate = async (dataDir: string): Promise<number> => {
    const server = await startHeliograph(dataDir);
    try {
      await load.run({ url: server.url, clients: CLIENTS, seconds: seconds / 2 });
      return (await load.run({ url: server.url, clients: CLIENTS, seconds })).perSecond;
    } finally {
      await server.stop();
    }
  };

  const server = await startHeliograph(base);
  await load.run({ url: server.url, clients: CLIENTS, tasks: FEW });
  await server.stop();
  await cp(base, large, { recursive: true });
  await fill(join(large, 'heliograph.db'), many - FEW);
  const figures = await interleaved(rounds, {
    atFew: async () => {
      await rm(small, { recursive: true, force: true });
      await cp(base, small, { recursive: true });
      return rate(small);
    },
    atMany: () => rate(large),
  });
  const [atFew = [], atMany = []] = [figures.atFew, figures.atMany];
  return { few: FEW, many, atFew, atMany, ratio: ratios(atMany, atFew) };
}

/** Stores `count` more ended tasks, made from one that has really run, through the adapter: with every index. */
export async function fill(path: string, count: number): Promise<void> {
  await using release = new AsyncDisposableStack();
  const database = release.adopt(openDatabase({ path }), (it) => it.close());
  const documents = release.adopt(sqliteDocuments(database, topology, 'tasks', systemClock()), (it) => it.close());
  let model: Task | undefined;
  for (let shard = 0; shard < SHARDS && model === undefined; shard++) {
    const equal = { shard, tenant: 'default', status: 'succeeded' };
    const found = await documents.query(TASKS, { equal, orderBy: { field: 'createdAt', direction: 'desc' }, limit: 1 });
    model = found.documents[0] && fromDocument(found.documents[0].data);
  }
  if (model === undefined) throw new Error('There is no ended task to make others from.');
  for (let done = 0; done < count; done += AT_ONCE) {
    const places = Array.from({ length: Math.min(AT_ONCE, count - done) }, (_, n) => (done + n) / count);
    await documents.commit(
      places.map((place) => ({ kind: 'create', collection: TASKS, id: randomId(place), data: copyOf(model, place) })),
    );
  }
}

/** The same task, run earlier and in another shard. */
function copyOf(model: Task, place: number): Fields {
  const ago = (1 - place) * SPAN_MS;
  const earlier = (at: number | undefined) => (at === undefined ? undefined : Math.floor(at - ago));
  const { createdAt, updatedAt, finishedAt, expireAt } = model;
  return toDocument({
    ...model,
    shard: randomInt(SHARDS),
    traceId: randomId(place),
    requestId: randomBytes(12).toString('hex'),
    createdAt: earlier(createdAt),
    updatedAt: earlier(updatedAt),
    finishedAt: earlier(finishedAt),
    expireAt: earlier(expireAt),
  });
}

/**
 * At that place (from 0 to 1) among all ids: in rising order they spread as random ones do, but fill each page of an index once
 * instead of touching all pages over and over.
 */
function randomId(place: number): string {
  const first = Math.floor(place * 2 ** 32);
  return first.toString(16).padStart(8, '0') + randomBytes(12).toString('hex');
}
