import assert from 'node:assert/strict';
import {
  PROGRESS,
  type Root,
  rootName,
  SEALING,
  SEALS,
  type Seal,
  type Sealing,
  unsigned,
} from '../../functions/core/audit/seals.ts';
import { dayOf } from '../../functions/core/days.ts';
import { Problem } from '../../functions/core/errors.ts';
import type { Clock } from '../../functions/core/ports.ts';
import type { Runtime } from '../../functions/core/runtime.ts';
import { sealChains } from '../../functions/sweeper/seal-chains.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';

const HOUR_MS = 3_600_000;

describe('sealing', function () {
  this.timeout(60_000);
  let stack: EmbeddedTestStack;
  let skewMs = 0;
  before(async () => {
    stack = await embeddedStack({ 'times.sweepMs': 10 * HOUR_MS, 'times.sealMs': HOUR_MS, 'times.sealLagMs': 1 });
    await stack.post('/register-agent', { name: 'a', handler_type: 'mock' });
  });
  after(() => stack.stop());

  /** The sweeper's runtime, at a time of the test's choice; `change` puts faults into it. */
  function runtime(change: Partial<Runtime> = {}): Runtime {
    const made = stack.runtime('sweeper');
    const clock: Clock = { ...made.clock, now: () => made.clock.now() + skewMs };
    return { ...made, clock, ...change };
  }
  async function sealsOf(): Promise<(Seal | Root)[]> {
    const { objects } = await stack.objects.list(SEALS, '');
    const read = objects.map(async ({ name }) => {
      const found = unsigned(stack.signing, (await stack.objects.get(SEALS, name)) as Buffer);
      assert.ok(found, name);
      return found.value;
    });
    return Promise.all(read);
  }
  const onlySeals = async () => (await sealsOf()).filter((value): value is Seal => value.kind === 'seal');
  const sealed = async (): Promise<string[]> =>
    (await onlySeals()).flatMap(({ heads }) => heads.map((head) => ('task' in head ? head.task : head.entity)));
  const state = async () => (await stack.documents.get(SEALING, PROGRESS))?.data.state as Sealing;
  /** The next round's time has come. */
  const anHourLater = () => {
    skewMs += HOUR_MS + 1_000;
  };

  it('holds each task that has ended once, and what is not a task', async () => {
    const ids: string[] = [];
    for (let n = 0; n < 5; n++) ids.push((await stack.run({ payload: { n } })).id);
    const waiting = (await stack.dispatch({ notBefore: Date.now() / 1000 + 600 })).body.id;
    skewMs = 10;
    const { reads } = stack.counts;
    assert.equal(await sealChains(runtime()), 7);
    // One of the progress, one of each document, and one of each query that found nothing.
    assert.ok(stack.counts.reads - reads <= 1 + 7 + 32, `${stack.counts.reads - reads} reads`);
    assert.deepEqual((await sealed()).sort(), [...ids, waiting, 'agent:a'].sort());
    const { task } = await stack.stored(ids[0] as string);
    const [seal] = await onlySeals();
    const head = seal?.heads.find((one) => 'task' in one && one.task === ids[0]);
    assert.deepEqual(head, { task: ids[0], head: task.chain.head, count: 3, until: task.expireAt });
  });

  it('does nothing before the next hour, and then seals what was decided meanwhile', async () => {
    const { id } = await stack.run({});
    await stack.post('/agents/a/disable', {});
    const { reads } = stack.counts;
    assert.equal(await sealChains(runtime()), 0);
    assert.equal(stack.counts.reads - reads, 1);
    anHourLater();
    assert.equal(await sealChains(runtime()), 2);
    const [first, second, ...none] = await onlySeals();
    assert.deepEqual([first?.number, second?.number, none.length], [1, 2, 0]);
    assert.deepEqual(second?.heads.map((head) => ('task' in head ? head.task : head.count)).sort(), [2, id].sort());
    anHourLater();
    assert.equal(await sealChains(runtime()), 0);
    assert.equal((await onlySeals()).length, 2);
  });

  it('leaves what is too young to the next seal: an earlier write may still be on its way', async () => {
    const { id } = await stack.run({});
    const late = runtime();
    const settings = { ...late.settings, times: { ...late.settings.times, sealLagMs: 100 * HOUR_MS } };
    anHourLater();
    assert.equal(await sealChains({ ...late, settings }), 0);
    anHourLater();
    assert.equal(await sealChains(runtime()), 1);
    assert.equal((await sealed()).filter((name) => name === id).length, 1);
  });

  it('seals a task again that was redriven', async () => {
    const { id } = await stack.run({ agent: 'codex', payload: { fail: 'retry' }, maxAttempts: 1 });
    anHourLater();
    await sealChains(runtime());
    await stack.post(`/task/${id}/redrive`, {});
    await stack.ended(id);
    anHourLater();
    assert.equal(await sealChains(runtime()), 1);
    assert.equal((await sealed()).filter((name) => name === id).length, 2);
  });

  const faults: [name: string, fault: (count: number, made: Runtime) => Partial<Runtime>][] = [
    [
      'before the object is written',
      (count, { objects }) => ({
        objects: { ...objects, put: failing(count, (...args: Parameters<typeof objects.put>) => objects.put(...args), 'before') },
      }),
    ],
    [
      'after the object is written',
      (count, { objects }) => ({
        objects: { ...objects, put: failing(count, (...args: Parameters<typeof objects.put>) => objects.put(...args), 'after') },
      }),
    ],
    [
      'before the progress is written',
      (count, { documents }) => ({
        documents: { ...documents, commit: failing(count, (writes) => documents.commit(writes), 'before') },
      }),
    ],
    [
      'after the progress is written',
      (count, { documents }) => ({
        documents: { ...documents, commit: failing(count, (writes) => documents.commit(writes), 'after') },
      }),
    ],
  ];
  for (const [name, fault] of faults) {
    it(`goes on after a kill ${name}`, async () => {
      const { id } = await stack.run({});
      anHourLater();
      for (const count of [1, 1, 2, 2, 3]) await sealChains(runtime(fault(count, stack.runtime('sweeper'))));
      await sealChains(runtime());
      assert.equal((await sealed()).filter((one) => one === id).length, 1);
      await isWhole();
    });
  }

  it('goes on from what the seal says, not from what it would say by now', async () => {
    await stack.run({});
    await stack.post('/agents/a/disable', {});
    anHourLater();
    const { documents } = stack.runtime('sweeper');
    await sealChains(runtime({ documents: { ...documents, commit: failing(2, (writes) => documents.commit(writes), 'before') } }));
    await stack.post('/agents/a/enable', {});
    await sealChains(runtime());
    await isWhole();
    anHourLater();
    await sealChains(runtime());
    const counts = (await onlySeals()).flatMap(({ heads }) => heads.flatMap((head) => ('entity' in head ? [head.count] : [])));
    assert.deepEqual(counts, [1, 2, 3, 4]);
    await isWhole();
  });

  it('takes two sweeps at once, and ten', async () => {
    const ids = await Promise.all(Array.from({ length: 20 }, async () => (await stack.run({})).id));
    anHourLater();
    await Promise.all(Array.from({ length: 10 }, () => sealChains(runtime())));
    await sealChains(runtime());
    const all = await sealed();
    for (const id of ids) assert.equal(all.filter((one) => one === id).length, 1);
    await isWhole();
  });

  it('goes round what somebody else has put where the next seal belongs', async () => {
    const { id } = await stack.run({});
    anHourLater();
    const { objects } = stack.runtime('sweeper');
    let blocked = 0;
    const put: typeof objects.put = async (bucket, name, bytes, options) => {
      if (blocked++ === 0) await objects.put(bucket, name, Buffer.from('theirs\n{}'));
      return objects.put(bucket, name, bytes, options);
    };
    await sealChains(runtime({ objects: { ...objects, put } }));
    const { objects: listed } = await stack.objects.list(SEALS, '');
    const bodies = await Promise.all(listed.map(({ name }) => stack.objects.get(SEALS, name)));
    const theirs = listed.find((_, index) => bodies[index]?.toString().startsWith('theirs'));
    assert.ok(theirs);
    await stack.objects.delete(SEALS, theirs.name);
    assert.equal((await sealed()).filter((one) => one === id).length, 1);
    await isWhole();
  });

  for (const [what, change] of [
    ['was emptied', async (): Promise<Sealing | undefined> => undefined],
    ['is an earlier one', async () => ({ ...(await state()), number: 1, signature: '', at: (await state()).at - 1 })],
  ] as const) {
    it(`goes on behind the last seal where the database ${what}`, async () => {
      const numbers = (await onlySeals()).length;
      const earlier = await change();
      const { version } = (await stack.documents.get(SEALING, PROGRESS)) ?? { version: '' };
      const place = { collection: SEALING, id: PROGRESS, version };
      await stack.documents.commit([
        earlier === undefined ? { kind: 'delete', ...place } : { kind: 'replace', ...place, data: { state: earlier } },
      ]);
      await stack.run({});
      anHourLater();
      assert.ok((await sealChains(runtime())) > 0);
      assert.equal((await onlySeals()).length, numbers + 1);
      await isWhole();
    });
  }

  it('names the last seal of a day in its root, and the root before', async () => {
    const before = await onlySeals();
    const day = dayOf(before.at(-1)?.at ?? 0);
    await stack.run({});
    skewMs += 24 * HOUR_MS;
    await sealChains(runtime());
    const root = unsigned(stack.signing, (await stack.objects.get(SEALS, rootName(day))) as Buffer)?.value as Root;
    const ofTheDay = before.filter(({ at }) => dayOf(at) === day);
    assert.deepEqual([root.kind, root.day, root.first, root.last], ['root', day, ofTheDay[0]?.number, ofTheDay.at(-1)?.number]);
    const next = (await onlySeals()).find(({ number }) => number === root.last + 1);
    assert.equal(next?.previous, root.head);
    await stack.run({});
    skewMs += 24 * HOUR_MS;
    await sealChains(runtime());
    const roots = (await sealsOf()).filter((value): value is Root => value.kind === 'root');
    assert.equal(roots.at(-1)?.first, root.last + 1);
    assert.equal((await state()).number, (await onlySeals()).length);
  });

  /** Without a gap, each naming the one before. */
  async function isWhole(): Promise<void> {
    const { objects } = await stack.objects.list(SEALS, '');
    let previous = '';
    let number = 0;
    for (const { name } of objects) {
      const found = unsigned(stack.signing, (await stack.objects.get(SEALS, name)) as Buffer);
      if (found?.value.kind !== 'seal') continue;
      number += 1;
      assert.deepEqual([found.value.number, found.value.previous], [number, previous]);
      previous = found.signature;
    }
    assert.deepEqual([(await state()).number, (await state()).signature], [number, previous]);
  }
});

/** Ends at the given call, before its effect or after it. */
function failing<Args extends unknown[], T>(count: number, call: (...args: Args) => Promise<T>, when: 'before' | 'after') {
  let calls = 0;
  return async (...args: Args): Promise<T> => {
    calls += 1;
    if (calls === count && when === 'before') throw new Problem(503, 'killed', 'The test ends it here.');
    const value = await call(...args);
    if (calls === count) throw new Problem(503, 'killed', 'The test ends it here.');
    return value;
  };
}
