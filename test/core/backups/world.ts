/** A simulated world for backups: workers whose calls reach the store in any order, whose clocks are off, and that end at any moment. */

import { manifestObject, readManifest } from '../../../functions/core/backups/manifest.ts';
import type { BackupParts } from '../../../functions/core/backups/take.ts';
import type { Objects } from '../../../functions/core/ports.ts';
import { signingFrom } from '../../../functions/core/signing.ts';
import { memoryObjects } from './memory-parts.ts';

export const HOUR_MS = 3_600_000;
/** How far a worker's clock is off, at most, to either side. */
const OFF_MS = 600_000;

export interface Worker {
  readonly parts: BackupParts;
  /** Never, or once it was ended. */
  readonly ended: Promise<'ended'>;
  /** As by kill -9: of a call on its way nobody knows whether it arrives. */
  end(): void;
  /** None of its calls waits to be let through: it packs or unpacks, which takes the time that it takes. */
  isAtWork(): boolean;
}

export type World = ReturnType<typeof simulatedWorld>;

/** `next` is chance: a number from 0 to 1,000. */
export function simulatedWorld(next: () => number) {
  let now = Date.UTC(2026, 0, 1);
  const store = memoryObjects({ now: () => now });
  const signing = signingFrom('a key that is long enough for these tests');
  const waiting: (() => void)[] = [];
  /** Backups that anybody gave up, ever. */
  const givenUp = new Set<string>();

  function worker(): Worker {
    const off = Math.round(((next() % 201) / 100 - 1) * OFF_MS);
    let isEnded = false;
    let calls = 0;
    const gate = async () => {
      calls += 1;
      await new Promise<void>((resolve) => waiting.push(resolve));
      calls -= 1;
    };
    let end = () => {};
    const ended = new Promise<'ended'>((resolve) => {
      end = () => {
        isEnded = true;
        resolve('ended');
      };
    });
    async function call<T>(work: () => Promise<T>): Promise<T> {
      await gate();
      if (isEnded && next() % 2 === 0) return new Promise<never>(() => {});
      const result = await work();
      if (next() % 4 === 0) await gate();
      return isEnded ? new Promise<never>(() => {}) : result;
    }
    const objects: Objects = {
      put: (bucket, name, ...rest) =>
        call(() => {
          if (name.startsWith('expired/')) givenUp.add(name.slice(name.lastIndexOf('/') + 1));
          return store.put(bucket, name, ...rest);
        }),
      get: (...given) => call(() => store.get(...given)),
      delete: (...given) => call(() => store.delete(...given)),
      list: (...given) => call(() => store.list(...given)),
    };
    const clock = { now: () => now + off, sleep: async () => {}, after: () => () => {} };
    // Of the same chance, so that a seed tells the same story again.
    const ids = {
      random: (bytes: number) => Array.from({ length: bytes }, () => (next() % 256).toString(16).padStart(2, '0')).join(''),
      below: (below: number) => next() % below,
    };
    return { parts: { objects, clock, ids, signing }, ended, end, isAtWork: () => calls === 0 };
  }

  return {
    worker,
    givenUp,
    pass: (hours: number) => {
      now += hours * HOUR_MS;
    },
    /** Lets one of the calls through that wait, whichever, and sometimes time pass; none passes while somebody is at work. */
    async letOne(workers: ReadonlyMap<unknown, Worker>): Promise<void> {
      for (let turn = 0; turn < 3 || [...workers.values()].some((worker) => worker.isAtWork()); turn += 1) {
        await new Promise((resolve) => setImmediate(resolve));
      }
      if (next() % 4 === 0) now += (next() % 4) * HOUR_MS;
      waiting.splice(next() % Math.max(1, waiting.length), 1)[0]?.();
    },
    /** The store as it is at this moment, with nobody in between. */
    now(): BackupParts {
      const objects = memoryObjects({ now: () => now });
      for (const [name, object] of store.all) objects.all.set(name, object);
      const clock = { now: () => now, sleep: async () => {}, after: () => () => {} };
      return { objects, clock, signing, ids: { random: (bytes) => '0'.repeat(2 * bytes), below: () => 0 } };
    },
    has: (backupId: string) => store.all.has(manifestObject('p', backupId)),
  };
}

/** The texts of a backup's files, as far as the store has them. Throws `backup_corrupt`, `backup_not_found`. */
export async function textsOf(parts: BackupParts, backupId: string): Promise<Record<string, string>> {
  const { readContents } = await import('../../../functions/core/backups/contents.ts');
  const texts: Record<string, string> = {};
  await readContents(parts, await readManifest(parts, 'p', backupId), {
    async use({ path }, content) {
      const pieces: Buffer[] = [];
      for await (const piece of content) pieces.push(piece);
      texts[path] = Buffer.concat(pieces).toString();
    },
  });
  return texts;
}
