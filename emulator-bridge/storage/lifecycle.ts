/** Deletes what a bucket's lifecycle rules say is over. Source: cloud.google.com/storage/docs/lifecycle. */

import type { Log } from '../../functions/core/ports.ts';
import type { StoredObject } from './resource.ts';
import { change, type Site } from './site.ts';
import { FIRST, LAST } from './store.ts';
import { bucketOf, erase, retire } from './versions.ts';

export interface Lifecycle {
  stop(): Promise<void>;
}

/** Of a rule what the topology's buckets use; a rule with any other condition deletes nothing. */
interface Condition {
  readonly age?: number;
  readonly daysSinceNoncurrentTime?: number;
  readonly isLive?: boolean;
}

const DAY_MS = 86_400_000;
/** Cloud Storage promises no moment either, only a day. */
const EVERY_MS = 3_600_000;

/** Now and every hour. */
export function startLifecycle(site: Site, log: Log): Lifecycle {
  const run = () =>
    applyLifecycle(site, Date.now()).catch((error: unknown) => log.warn({ error: String(error) }, 'lifecycle broke off'));
  let running = run();
  const timer = setInterval(() => {
    running = running.then(run);
  }, EVERY_MS);
  timer.unref();
  return {
    async stop() {
      clearInterval(timer);
      await running;
    },
  };
}

/** Applies every bucket's rules as of `now` (milliseconds since the epoch). Resolves with the number of versions that went. */
export async function applyLifecycle(site: Site, now: number): Promise<number> {
  const over = await site.store.read((tables) => {
    const found: StoredObject[] = [];
    for (const { name, fields } of tables.buckets('', '', Number.MAX_SAFE_INTEGER)) {
      const conditions = deleteConditions(fields.lifecycle);
      if (conditions.length === 0) continue;
      for (const object of tables.objects(name, FIRST, LAST, true)) {
        if (conditions.some((condition) => isOver(condition, object, now))) found.push(object);
      }
    }
    return found;
  });
  for (const { bucket, name, generation, metageneration } of over) {
    await change(site, (tables, unnamed) => {
      const found = tables.object(bucket, name, generation);
      if (found === undefined || found.metageneration !== metageneration) return;
      (found.live ? retire : erase)(tables, bucketOf(tables, bucket), found, unnamed);
    });
  }
  return over.length;
}

function deleteConditions(lifecycle: unknown): Condition[] {
  const { rule = [] } = (lifecycle ?? {}) as { rule?: { action?: { type?: string }; condition?: Condition }[] };
  const known = ['age', 'daysSinceNoncurrentTime', 'isLive'];
  return rule
    .filter(({ action }) => action?.type === 'Delete')
    .map(({ condition = {} }) => condition)
    .filter((condition) => Object.keys(condition).length > 0 && Object.keys(condition).every((name) => known.includes(name)));
}

function isOver({ age, daysSinceNoncurrentTime: days, isLive }: Condition, { live, fields }: StoredObject, now: number): boolean {
  const isOld = age === undefined || now - Date.parse(String(fields.timeCreated)) >= age * DAY_MS;
  const isLongGone = days === undefined || (!live && now - Date.parse(String(fields.timeDeleted)) >= days * DAY_MS);
  return isOld && isLongGone && (isLive === undefined || isLive === live);
}
