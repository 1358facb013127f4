/**
 * The embedded runtime on a disk that loses its power. In the place of the real sync stands one that takes its time and knows
 * which bytes of the log the disk has for certain; the rest may be there, or not, in pieces.
 */

import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { startEmbedded } from '../../emulator-bridge/embedded.ts';
import { systemClock } from '../../functions/adapters/clock.ts';
import { openDatabase } from '../../functions/adapters/sqlite-database.ts';
import { sqliteDocuments } from '../../functions/adapters/sqlite-documents.ts';
import type { Sync } from '../../functions/adapters/sqlite-file.ts';
import { fromDocument } from '../../functions/core/task-document.ts';
import { topology } from '../../functions/topology.ts';
import { temporaryFolder } from '../support/folder.ts';
import { httpListener } from '../support/http-listener.ts';
import { quickSettings, silent } from '../support/stack.ts';

/** What somebody outside has seen: a task, whether it had ended, and the epoch that its agent was called with. */
interface Seen {
  ended?: string;
  epoch: number;
}

/** One power cut: what the disk held then, and what had been seen until then. */
interface Cut {
  readonly log: Buffer;
  readonly seen: ReadonlyMap<string, Seen>;
}

/** Runs that many tasks, built in and relayed, and cuts the power that many times meanwhile. */
export async function powerLoss({ tasks, cuts }: { readonly tasks: number; readonly cuts: number }): Promise<void> {
  await using release = new AsyncDisposableStack();
  const folder = release.adopt(temporaryFolder(), (it) => it.remove());
  const seen = new Map<string, Seen>();
  const see = (id: string, more: Partial<Seen>) => seen.set(id, { epoch: 0, ...seen.get(id), ...more });
  const agent = release.adopt(
    await httpListener(({ body }) => {
      const { taskId, epoch } = JSON.parse(body);
      see(taskId, { epoch });
      return { status: 200, body: { done: true } };
    }),
    (it) => it.close(),
  );
  const path = join(folder.path, 'heliograph.db');
  const disk = slowDisk(`${path}-wal`);
  const settings = quickSettings({
    runtime: 'embedded',
    dataDir: folder.path,
    agents: [{ name: 'remote', endpoint: `${agent.url}/run`, priceCents: 1 }],
  });
  const stack = release.adopt(await startEmbedded({ settings, log: silent, sync: disk.sync }), (it) => it.stop());
  // Without checkpoints, which the test's disk does not know, the file beside the log stays as it is now.
  const base = join(folder.path, 'base.db');
  copyFileSync(path, base);

  const taken: Cut[] = [];
  let left = tasks;
  const client = async () => {
    while (left > 0) {
      left -= 1;
      await oneTask(stack.url, left % 2 === 0 ? 'light' : 'remote', left % 5 === 0 ? 'http' : 'pubsub', see);
    }
  };
  const power = async () => {
    while (taken.length < cuts && left > 0) {
      await pause(randomInt(5, 60));
      taken.push({ log: disk.afterCut(), seen: structuredClone(seen) });
    }
  };
  await Promise.all([...Array.from({ length: 6 }, client), power()]);
  taken.push({ log: disk.afterCut(), seen: structuredClone(seen) });

  assert.ok(taken.length > cuts / 2, `only ${taken.length} cuts`);
  assert.deepEqual(readFileSync(base), readFileSync(path), 'a checkpoint has moved what the test takes for fixed');
  for (const cut of taken) await check(base, cut);
}

async function oneTask(url: string, agent: string, mode: string, see: (id: string, more: Partial<Seen>) => void): Promise<void> {
  const dispatched = await fetch(`${url}/dispatch`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ agent, mode, payload: { agent, mode }, ttlSeconds: 60 }),
  });
  const { id, status } = (await dispatched.json()) as { id: string; status: string };
  see(id, dispatched.status === 200 ? { ended: status } : {});
  const answer = await fetch(`${url}/task/${id}?waitSeconds=20`);
  const view = (await answer.json()) as { status: string };
  assert.equal(view.status, 'succeeded');
  see(id, { ended: view.status });
}

/** Opens what the disk held, as the next start would, and compares it with what had been seen. */
async function check(base: string, { log, seen }: Cut): Promise<void> {
  const folder = temporaryFolder();
  const path = join(folder.path, 'heliograph.db');
  copyFileSync(base, path);
  writeFileSync(`${path}-wal`, log);
  const database = openDatabase({ path });
  const documents = sqliteDocuments(database, topology, 'tasks', systemClock());
  try {
    for (const [id, { ended, epoch }] of seen) {
      const found = await documents.get('tasks', id);
      assert.ok(found, `${id} was answered for and is lost`);
      const task = fromDocument(found.data);
      assert.ok(task.epoch >= epoch, `${id} ran as epoch ${epoch}, which is lost`);
      if (ended !== undefined) assert.equal(task.status, ended, `${id} had been shown as ${ended}`);
    }
  } finally {
    await documents.close();
    await database.close();
    folder.remove();
  }
}

/** Syncs take 5 to 25 ms, in which every byte that is not yet safe may get to the disk or not. */
function slowDisk(path: string): { readonly sync: Sync; afterCut(): Buffer } {
  let safe: Buffer = Buffer.alloc(0);
  return {
    sync(done) {
      const syncing = readFileSync(path);
      setTimeout(
        () => {
          safe = syncing;
          done(null);
        },
        randomInt(5, 25),
      );
    },
    afterCut() {
      const written = readFileSync(path);
      const log = Buffer.from(written.subarray(0, randomInt(safe.length, written.length + 1)));
      for (let at = 0; at < log.length; at += SECTOR_BYTES) {
        const end = Math.min(at + SECTOR_BYTES, log.length);
        const isSafe = safe.length >= end && safe.subarray(at, end).equals(written.subarray(at, end));
        if (!isSafe && randomInt(2) === 0) log.fill(0, at, end).set(safe.subarray(at, end), at);
      }
      return log;
    },
  };
}

const SECTOR_BYTES = 512;
