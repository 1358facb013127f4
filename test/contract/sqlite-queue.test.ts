import assert from 'node:assert/strict';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { systemClock } from '../../functions/adapters/clock.ts';
import { type Database, openDatabase } from '../../functions/adapters/sqlite-database.ts';
import { sqliteQueue } from '../../functions/adapters/sqlite-queue.ts';
import type { Clock, Delivery } from '../../functions/core/ports.ts';
import { temporaryFolder, until } from '../support/folder.ts';
import { messagesTopology } from './messages.ts';

for (const settles of ['when durable', 'at once'] as const)
  describe(`SQLite: queue, settling ${settles}`, () => {
    const { topology, name } = messagesTopology();
    let folder: ReturnType<typeof temporaryFolder>;
    let database: Database;
    let queue: ReturnType<typeof sqliteQueue>;

    const open = (clock: Clock = systemClock()) => {
      database = openDatabase({ path: join(folder.path, 'data.db'), settles });
      queue = sqliteQueue(database, topology, clock, { backoffMinimumMs: 50, backoffMaximumMs: 100 });
    };
    const close = async () => {
      await queue.close();
      await database.close();
    };
    const rows = () =>
      database.read(() => {
        database.runDeferred();
        return database.prepare(`SELECT count(*) AS n FROM "queue_${name('plain')}"`).get()?.n;
      });
    const publish = (data: string) => queue.publish(name('news'), { data, attributes: { n: data } });

    beforeEach(() => {
      folder = temporaryFolder();
      open();
    });
    afterEach(async () => {
      await close();
      folder.remove();
    });

    it('delivers after a restart whatever was not acknowledged, with its attempts', async () => {
      for (const data of ['acked', 'nacked', 'open', 'waiting']) await publish(data);
      const seen: Delivery[] = [];
      queue.pull(name('plain'), 3, (delivery) => seen.push(delivery));
      await until(() => seen.length === 3);
      seen[0]?.ack();
      seen[1]?.nack();
      await close();
      open();
      const again: string[] = [];
      queue.pull(name('plain'), 10, (delivery) => {
        again.push(`${delivery.data} ${delivery.deliveryAttempt} ${delivery.attributes.n}`);
        delivery.ack();
      });
      await until(() => again.length === 3);
      assert.deepEqual(again.sort(), ['nacked 2 nacked', 'open 1 open', 'waiting 1 waiting']);
      await publish('fresh');
      await until(() => again.length === 4);
    });

    it('delivers nothing before it is visible', async () => {
      const seen: boolean[] = [];
      queue.pull(name('plain'), 10, (delivery) => {
        seen.push(Number(delivery.messageId) <= database.visible());
        delivery.ack();
        // Opens the next transaction, while others are still to be told of this one.
        void publish(String(seen.length));
      });
      await publish('0');
      await until(() => seen.length > 20);
      assert.ok(seen.every((visible) => visible));
    });

    it('hands out in order, whether from memory or from disk, each message once', async () => {
      const seen: number[] = [];
      const waiting: Delivery[] = [];
      queue.pull(name('plain'), 10, (delivery) => {
        seen.push(Number(String(delivery.data)));
        waiting.push(delivery);
      });
      await Promise.all(Array.from({ length: 300 }, (_, n) => publish(String(n))));
      for (let n = 300; n < 310; n += 1) await publish(String(n));
      while (seen.length < 310 || waiting.length > 0) {
        await until(() => waiting.length > 0);
        for (const delivery of waiting.splice(0)) delivery.ack();
      }
      await publish('310');
      await until(() => seen.length === 311);
      assert.deepEqual(
        seen,
        Array.from({ length: 311 }, (_, n) => n),
      );
    });

    if (settles === 'at once') {
      it('never stores what is acknowledged before its commit', async () => {
        const acked: string[] = [];
        queue.pull(name('plain'), 10, (delivery) => {
          delivery.ack();
          acked.push(String(delivery.data));
        });
        await until(() => publish('first').then(() => acked.length > 0));
        await pause(50);
        const changes = () => database.read(() => database.prepare('SELECT total_changes() AS n').get()?.n);
        const before = await changes();
        await publish('second');
        await until(() => acked.at(-1) === 'second');
        await pause(50);
        assert.equal(await changes(), before);
      });

      it('keeps a message that was nacked before its commit', async () => {
        let deliveries = 0;
        queue.pull(name('plain'), 10, (delivery) => {
          deliveries += 1;
          assert.equal(delivery.deliveryAttempt, deliveries);
          if (deliveries === 1) delivery.nack();
          else delivery.ack();
        });
        await publish('stubborn');
        await until(() => deliveries === 2);
      });
    }

    // Where everybody goes on at once, nothing goes on after a commit that failed.
    const only = settles === 'when durable' ? it : undefined;
    only?.('delivers again what could not be acknowledged', async () => {
      database.define('CREATE TABLE parent (id INTEGER PRIMARY KEY); PRAGMA foreign_keys = ON');
      database.define('CREATE TABLE child (id INTEGER REFERENCES parent DEFERRABLE INITIALLY DEFERRED)');
      const orphan = database.prepare('INSERT INTO child VALUES (7)');
      let deliveries = 0;
      queue.pull(name('plain'), 1, (delivery) => {
        deliveries += 1;
        delivery.ack();
        if (deliveries === 1) database.write(() => orphan.run()).catch(() => {});
      });
      await publish('stubborn');
      await until(() => deliveries === 2);
      assert.equal(await rows(), 0);
    });

    it('drops what is past its retention, delivered or not', async () => {
      const started = Date.now();
      let now = started;
      let prune = () => {};
      const clock: Clock = {
        ...systemClock(),
        now: () => now,
        after(ms, run) {
          if (ms === 60_000) prune = run;
          return () => {};
        },
      };
      await close();
      open(clock);
      for (const data of ['a', 'b']) await publish(data);
      now = started + 601_000;
      const seen: string[] = [];
      const stop = queue.pull(name('plain'), 10, (delivery) => {
        seen.push(String(delivery.data));
        delivery.ack();
      });
      await publish('new');
      await until(() => seen.length > 0);
      await stop();
      assert.deepEqual(seen, ['new']);
      await publish('forgotten');
      assert.equal(await rows(), 1);
      now += 601_000;
      prune();
      assert.equal(await rows(), 0);
    });

    it('holds a backlog on disk, not in memory', async () => {
      const text = 'x'.repeat(500);
      for (let batch = 0; batch < 100; batch += 1) await Promise.all(Array.from({ length: 1000 }, () => publish(text)));
      const before = liveHeap();
      let acked = 0;
      let peak = 0;
      queue.pull(name('plain'), 64, (delivery) => {
        setImmediate(() => {
          delivery.ack();
          acked += 1;
          if (acked % 10_000 === 0) peak = Math.max(peak, liveHeap());
        });
      });
      await until(() => acked === 100_000, 15_000);
      assert.ok(peak - before < 60_000_000, `${peak - before} bytes more`);
    }).timeout(20_000);
  });

/** What is in use, without what only waits to be collected. */
function liveHeap(): number {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  return process.memoryUsage().heapUsed;
}
