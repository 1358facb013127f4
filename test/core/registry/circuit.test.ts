import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type Counts, countingDocuments } from '../../../functions/adapters/counting.ts';
import { openDatabase } from '../../../functions/adapters/sqlite-database.ts';
import { sqliteDocuments } from '../../../functions/adapters/sqlite-documents.ts';
import type { Clock } from '../../../functions/core/ports.ts';
import { type CircuitKey, circuitKey, heldUntil, noteAnswer, readCircuits } from '../../../functions/core/registry/circuit.ts';
import { readSettings } from '../../../functions/core/settings.ts';
import { topology } from '../../../functions/topology.ts';
import { temporaryFolder } from '../../support/folder.ts';
import { silent } from '../../support/stack.ts';

const settings = readSettings({}, { runtime: 'embedded' });
const { circuitOpenMs, circuitMaximumMs } = settings.times;
const agent = { name: 'far', handling: { type: 'http', endpoint: 'https://far.example/run', trust: 'user' } } as const;
const key = circuitKey(agent, 'acme') as CircuitKey;

describe('the circuit of an agent', () => {
  let now: number;
  const folders: { remove(): void }[] = [];
  const closers: (() => Promise<void>)[] = [];
  const clock: Clock = { now: () => now, sleep: async () => {}, after: () => () => {} };
  beforeEach(() => {
    now = 1_000_000;
  });
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
    for (const folder of folders.splice(0)) folder.remove();
  });

  /** Instances of a function on one store, each with what it has read and written. */
  function instances(count: number) {
    const folder = temporaryFolder();
    folders.push(folder);
    const database = openDatabase({ path: join(folder.path, 'data.db') });
    const documents = sqliteDocuments(database, topology, 'tasks', clock);
    closers.push(
      () => database.close(),
      () => documents.close(),
    );
    return Array.from({ length: count }, () => {
      const counts: Counts = { reads: 0, writes: 0, publishes: 0 };
      const runtime = { documents: countingDocuments(documents, counts), clock, settings, log: silent };
      return {
        counts,
        runtime,
        held: () => heldUntil(runtime, key),
        note: (answered: boolean) => noteAnswer(runtime, key, answered),
        fails: async (times: number) => {
          for (let n = 0; n < times; n++) await noteAnswer(runtime, key, false);
        },
        stored: async () => (await readCircuits(runtime, [key]))[0],
      };
    });
  }
  type One = ReturnType<typeof instances>[number];
  const one = (): One => instances(1)[0] as One;
  const two = (): [One, One] => instances(2) as [One, One];

  it('costs an agent that is well neither a read nor a write', async () => {
    const { held, note, counts } = one();
    for (let n = 0; n < 50; n++) {
      assert.equal(await held(), undefined);
      await note(true);
    }
    assert.deepEqual([counts.reads, counts.writes], [0, 0]);
  });

  it('opens after five failures in a row, and for no fewer', async () => {
    const { held, fails, note, stored } = one();
    await fails(4);
    await note(true);
    await fails(4);
    assert.equal(await held(), undefined);
    await fails(1);
    assert.equal(await held(), now + circuitOpenMs);
    const { state, failures, since } = (await stored()) ?? {};
    assert.deepEqual([state, failures, since], ['open', 5, now]);
  });

  it('opens when half of the last twenty answers were failures', async () => {
    const { held, note } = one();
    for (let n = 0; n < 19; n++) await note(n % 2 === 0);
    assert.equal(await held(), undefined);
    await note(false);
    assert.equal(await held(), now + circuitOpenMs);
    const mostlyWell = one();
    for (let n = 0; n < 100; n++) await mostlyWell.note(n % 5 > 1);
    assert.equal(await mostlyWell.held(), undefined, 'two of five');
  });

  it('lets one attempt through when its time is over, of all instances, and closes by its answer', async () => {
    const [a, b] = two();
    await a.fails(5);
    await b.fails(1);
    assert.equal(await b.held(), now + circuitOpenMs, 'what one has learnt, the other reads at its first failure');
    now += circuitOpenMs;
    const places = await Promise.all([a.held(), b.held(), a.held(), b.held()]);
    assert.equal(places.filter((place) => place === undefined).length, 1, JSON.stringify(places));
    const [through, waiting] = places[0] === undefined || places[2] === undefined ? [a, b] : [b, a];
    await through.note(true);
    assert.equal(await through.held(), undefined);
    assert.equal((await a.stored())?.state, 'closed');
    now += circuitOpenMs;
    assert.equal(await waiting.held(), undefined, 'the other finds it closed when it would make its attempt');
  });

  it('stays open twice as long each time that attempt fails, up to the maximum', async () => {
    const { held, fails, stored } = one();
    await fails(5);
    for (let openMs = circuitOpenMs; openMs < circuitMaximumMs * 4; openMs *= 2) {
      const until = now + Math.min(openMs, circuitMaximumMs);
      assert.equal(await held(), until);
      now = until - 1;
      assert.equal(await held(), until);
      now = until;
      assert.equal(await held(), undefined);
      assert.equal((await stored())?.state, 'half-open');
      await fails(1);
    }
    assert.equal((await stored())?.state, 'open');
  });

  it('lets another attempt through where the one has vanished', async () => {
    const [a, b] = two();
    await a.fails(5);
    await b.fails(1);
    now += circuitOpenMs;
    assert.equal(await a.held(), undefined);
    assert.equal(await b.held(), now + circuitOpenMs);
    now += circuitOpenMs;
    assert.equal(await b.held(), undefined);
  });

  it('is open no longer by failures of runs that began before', async () => {
    const { held, fails } = one();
    await fails(5);
    const until = await held();
    now += 10;
    await fails(7);
    assert.equal(await held(), until);
  });

  it('lets through, and breaks nothing, while the store is out of reach', async () => {
    const { runtime } = one();
    const fail = async (): Promise<never> => {
      throw new Error('The test has no store.');
    };
    const broken = { ...runtime, documents: { ...runtime.documents, get: fail, commit: fail } };
    for (let n = 0; n < 8; n++) await noteAnswer(broken, key, false);
    assert.equal(await heldUntil(broken, key), undefined);
  });

  it('is another one for another address and another tenant, and one for all of the operator’s', () => {
    const of = (more: object, tenant: string) =>
      circuitKey({ name: 'far', handling: { ...agent.handling, ...more } as typeof agent.handling }, tenant)?.id;
    assert.notEqual(of({}, 'acme'), of({}, 'other'));
    assert.notEqual(of({}, 'acme'), of({ endpoint: 'https://far.example/other' }, 'acme'));
    assert.equal(of({ trust: 'operator' }, 'acme'), of({ trust: 'operator' }, 'other'));
    assert.equal(circuitKey({ name: 'light', handling: { type: 'builtin' } }, 'acme'), undefined);
  });
});
