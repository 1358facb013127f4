import assert from 'node:assert/strict';
import { systemClock } from '../../functions/adapters/clock.ts';
import { countingDocuments, countingMessages } from '../../functions/adapters/counting.ts';
import { systemIds } from '../../functions/adapters/ids.ts';
import { openDatabase } from '../../functions/adapters/sqlite-database.ts';
import { sqliteDocuments } from '../../functions/adapters/sqlite-documents.ts';
import type { Messages } from '../../functions/core/ports.ts';
import { contractTopology } from '../contract/documents.ts';

describe('counting', () => {
  it('counts what a store would be billed for', async () => {
    const database = openDatabase({ path: ':memory:' });
    const counts = { reads: 0, writes: 0, publishes: 0 };
    const documents = countingDocuments(sqliteDocuments(database, contractTopology, 'tasks', systemClock()), counts);
    const create = (id: string) => ({ kind: 'create', collection: 'things', id, data: { shard: 'a', createdAt: 1 } }) as const;
    await documents.commit([create('a'), create('b')]);
    await assert.rejects(documents.commit([create('a')]));
    await documents.get('things', 'a');
    await documents.get('things', 'absent');
    const newest = { field: 'createdAt', direction: 'desc' } as const;
    await documents.query('things', { equal: { shard: 'a' }, orderBy: newest, limit: 10 });
    await documents.query('things', { equal: { shard: 'b' }, orderBy: newest, limit: 10 });
    const broker: Messages = { publish: async () => 'id', close: async () => {} };
    const messages = countingMessages(broker, counts);
    assert.equal(await messages.publish('news', { data: '', attributes: {} }), 'id');
    assert.deepEqual(counts, { reads: 5, writes: 2, publishes: 1 });
    await documents.close();
    await database.close();
  });
});

describe('clock and ids', () => {
  it('sleeps until told otherwise', async () => {
    const clock = systemClock();
    const started = performance.now();
    await clock.sleep(20);
    assert.ok(performance.now() - started >= 19);
    const reason = new Error('stop');
    const controller = new AbortController();
    const sleeping = clock.sleep(60_000, controller.signal);
    controller.abort(reason);
    await assert.rejects(sleeping, reason);
    await assert.rejects(clock.sleep(1, AbortSignal.abort(reason)), reason);
  });

  it('runs once, unless cancelled', async () => {
    const clock = systemClock();
    let runs = 0;
    clock.after(5, () => (runs += 1));
    clock.after(5, () => (runs += 10))();
    clock.after(2 ** 40, () => (runs += 100))();
    await clock.sleep(30);
    assert.equal(runs, 1);
  });

  it('gives random hexadecimal of the length asked for', () => {
    const ids = systemIds();
    const given = Array.from({ length: 1000 }, () => ids.random(16));
    assert.equal(new Set(given).size, 1000);
    for (const id of given) assert.match(id, /^[0-9a-f]{32}$/);
    assert.equal(ids.random(5000).length, 10_000);
    const rolls = new Set(Array.from({ length: 1000 }, () => ids.below(3)));
    assert.deepEqual([...rolls].sort(), [0, 1, 2]);
  });
});
