import assert from 'node:assert/strict';
import { removeMemory, shelvesOf, storeMemory } from '../../../functions/agent-light/memory/shelves.ts';
import { memorySearch } from '../../../functions/agent-light/tools/memory-search.ts';
import type { ToolContext } from '../../../functions/agent-light/tools/tool.ts';
import { newApiKey } from '../../../functions/core/authenticate.ts';
import { PreconditionFailed } from '../../../functions/core/ports.ts';
import type { Runtime } from '../../../functions/core/runtime.ts';
import { describeWithEmulators } from '../../support/emulators.ts';
import type { TestStack } from '../../support/stack.ts';
import { type EmbeddedTestStack, embeddedStack } from '../../support/stack-embedded.ts';
import { emulatedStack } from '../../support/stack-emulated.ts';
import { remembering } from './remembering.ts';

describe('memory, embedded', function () {
  this.timeout(60_000);
  onStack(embeddedStack);
});

describeWithEmulators("memory, on Google's emulators", function () {
  this.timeout(90_000);
  onStack(emulatedStack);
});

function onStack(start: (flags: Record<string, unknown>) => Promise<TestStack>): void {
  let stack: TestStack;
  before(async () => {
    stack = await start({ auth: 'required', 'times.orchestrateWaitMs': 20_000 });
  });
  after(() => stack?.stop());
  remembering(
    () => stack,
    async () => {
      const random = (bytes: number) => Buffer.from(crypto.getRandomValues(new Uint8Array(bytes))).toString('hex');
      const { key, id, record } = newApiKey(random, { tenant: 'other', scopes: ['dispatch', 'read'], createdAt: Date.now() });
      await stack.control.commit([{ kind: 'create', collection: 'keys', id, data: { ...record } }]);
      return { authorization: `Bearer ${key}` };
    },
  );
}

describe('the shelves of memory', function () {
  this.timeout(60_000);
  let stack: EmbeddedTestStack;
  let runtime: Runtime;
  before(async () => {
    stack = await embeddedStack({ 'times.sweepMs': 3_600_000 });
    runtime = stack.runtime('agent-light');
  });
  after(() => stack.stop());

  const write = (tenant: string, effectId: string, text: string, on = runtime) =>
    storeMemory(on, tenant, effectId, { text, tags: [] });
  const idsOf = async (tenant: string) => {
    const ids: string[] = [];
    for await (const { item } of shelvesOf(runtime, tenant, { words: false })) ids.push(item.id);
    return ids.sort();
  };
  const search = (tenant: string, query: string) =>
    memorySearch.run(runtime, memorySearch.inputs.parse({ query }), { tenant } as ToolContext) as Promise<{
      results: { item_id: string; text: string }[];
      total: number;
      searched: number;
    }>;
  /** What the store is asked while `work` runs. */
  async function cost(work: () => Promise<unknown>) {
    const before = { ...stack.counts };
    await work();
    return { reads: stack.counts.reads - before.reads, writes: stack.counts.writes - before.writes };
  }

  it('keep one memory for all attempts of a job, as the first has stored it', async () => {
    const first = await write('attempts', 'effect', 'the first');
    const again = await write('attempts', 'effect', 'another text');
    assert.deepEqual(again, first);
    const both = await Promise.all([write('attempts', 'race', 'x'), write('attempts', 'race', 'x')]);
    assert.equal(both[0].id, both[1].id);
    assert.deepEqual(await idsOf('attempts'), [first.id, both[0].id].sort());
    assert.notEqual((await write('attempts-2', 'effect', 'the first')).id, first.id, 'another tenant has its own');
  });

  it('keep it also where the reply of the store was lost', async () => {
    let isLost = false;
    const losing = {
      ...runtime,
      documents: {
        ...runtime.documents,
        async commit(writes: Parameters<Runtime['documents']['commit']>[0]) {
          const done = await runtime.documents.commit(writes);
          if (isLost) return done;
          isLost = true;
          throw new Error('no answer');
        },
      },
    };
    await assert.rejects(write('lost', 'effect', 'x', losing), /no answer/);
    const { id } = await write('lost', 'effect', 'x', losing);
    assert.deepEqual(await idsOf('lost'), [id]);
  });

  it('cost 1 read and 2 writes to store, 2 and 2 to delete, and at most 32 reads to search beside one for each result', async () => {
    assert.deepEqual(await cost(() => write('cost', 'a', 'one text')), { reads: 1, writes: 2 });
    for (let number = 0; number < 200; number += 1) await write('cost', `n${number}`, `text of number ${number}`);
    const { reads, writes } = await cost(() => search('cost', 'number'));
    assert.ok(reads <= 32 + 5 && reads >= 30, `${reads}`);
    assert.equal(writes, 0);
    const { id } = await write('cost', 'gone', 'gone');
    assert.deepEqual(await cost(() => removeMemory(runtime, 'cost', id)), { reads: 2, writes: 2 });
    assert.equal((await search('cost', 'text')).searched, 201);
  });

  it('have an end: what goes beyond is memory_full, and goes in after something was deleted', async () => {
    const word = (number: number) => `${number.toString(36).padStart(4, 'x')}${'y'.repeat(26)}`;
    const large = Array.from({ length: 2_100 }, (_, number) => word(number)).join(' ');
    const ids: string[] = [];
    await assert.rejects(
      async () => {
        for (;;) ids.push((await write('full', `n${ids.length}`, large)).id);
      },
      { code: 'memory_full' },
    );
    assert.ok(ids.length >= 32 * 6, `${ids.length}`);
    const { results, total, searched } = await search('full', word(2_000));
    assert.deepEqual([results.length, total, searched], [5, ids.length, ids.length]);
    assert.equal(await removeMemory(runtime, 'full', ids[7] as string), true);
    const { id } = await write('full', 'after', large);
    assert.deepEqual(await idsOf('full'), [...ids.filter((_, at) => at !== 7), id].sort());
  });

  it('are empty again when all was deleted, to the byte', async () => {
    const ids = await Promise.all(['"quoted" \n', 'ünï', 'x'].map(async (text, at) => (await write('bytes', `${at}`, text)).id));
    for (const id of ids) await removeMemory(runtime, 'bytes', id);
    const left = await runtime.documents.query('memory-shelves', {
      equal: { tenant: 'bytes' },
      orderBy: { field: 'shelf', direction: 'asc' },
      limit: 100,
    });
    for (const { data } of left.documents) assert.deepEqual([data.bytes, data.items, data.words], [0, [], []]);
  });

  it('are written by one at a time: who comes second goes to the next, and whom all refuse comes again later', async () => {
    let refusals = 3;
    const contended = {
      ...runtime,
      documents: {
        ...runtime.documents,
        async commit(writes: Parameters<Runtime['documents']['commit']>[0]) {
          refusals -= 1;
          if (refusals >= 0) throw new PreconditionFailed('Somebody else was here.');
          return runtime.documents.commit(writes);
        },
      },
    };
    const { id } = await write('contended', 'effect', 'x', contended);
    assert.deepEqual(await idsOf('contended'), [id]);
    refusals = 1_000;
    await assert.rejects(write('contended', 'other', 'x', contended), { code: 'contention' });
    refusals = 1_000;
    await assert.rejects(removeMemory(contended, 'contended', id), { code: 'contention' });
    assert.deepEqual(await idsOf('contended'), [id]);
  });
});
