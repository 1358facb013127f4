import assert from 'node:assert/strict';
import type { Refusal, TestStack } from '../../support/stack.ts';

interface Item {
  readonly item_id: string;
  readonly text: string;
  readonly tags: readonly string[];
  readonly created_at: string;
  readonly score?: number;
}
interface Answer {
  readonly status: string;
  readonly error?: Refusal & { readonly message: string };
  readonly result: Record<string, unknown> & {
    readonly item_id: string;
    readonly results: readonly Item[];
    readonly items: readonly Item[];
  };
  readonly [field: string]: unknown;
}

const EIFFEL = {
  intent: 'memory.write',
  inputs: { text: 'The Eiffel Tower is in Paris', tags: ['geography', 'landmarks'] },
  mode: 'agent',
};

/** What remembering does on every runtime. `other` are the headers of another tenant. */
export function remembering(stackOf: () => TestStack, other: () => Promise<Record<string, string>>): void {
  const asked = (intent: string, inputs: object, headers?: Record<string, string>) =>
    stackOf().post<Answer>('/orchestrate', { intent, inputs }, headers);
  const done = async (intent: string, inputs: object, headers?: Record<string, string>) => {
    const { status, body } = await asked(intent, inputs, headers);
    assert.deepEqual([status, body.status], [200, 'success'], JSON.stringify(body));
    return body.result;
  };
  const refused = async (intent: string, inputs: object) => {
    const { body } = await asked(intent, inputs);
    assert.equal(body.status, 'error', JSON.stringify(body).slice(0, 300));
    assert.equal(body.error?.code, 'invalid_inputs');
    return String(body.error?.message);
  };
  const texts = (items: readonly Item[]) => items.map(({ text }) => text);

  it('keeps the text of the documented request, and answers as documented', async () => {
    const { status, body } = await stackOf().post<Answer>('/orchestrate', EIFFEL);
    assert.equal(status, 200, JSON.stringify(body));
    const { result, mode, duration_ms } = body;
    assert.deepEqual([body.status, mode, typeof duration_ms], ['success', 'agent', 'number']);
    const { item_id, created_at, ...rest } = result;
    assert.match(item_id, /^mem_[0-9a-f]{40}$/);
    assert.ok(Math.abs(Date.parse(String(created_at)) - Date.now()) < 60_000);
    assert.deepEqual(rest, { status: 'stored', text_length: 28, tags: ['geography', 'landmarks'] });
    const again = await stackOf().post<Answer>('/orchestrate', EIFFEL);
    assert.equal(again.body.result.item_id, item_id, 'the same request is the same job');
  });

  it('finds by words, the best first, with the score, whatever the case and form', async () => {
    await done('memory.store', { text: 'Berlin has a television tower', tags: ['landmarks'], metadata: { year: 1969 } });
    await done('memory.write', { text: 'A tower, a tower, a tower' });
    await done('memory.write', { text: 'Nothing of that' });
    const found = await done('memory.search', { query: 'ＴＯＷＥＲ Berlin' });
    assert.deepEqual(texts(found.results), [
      'Berlin has a television tower',
      'A tower, a tower, a tower',
      'The Eiffel Tower is in Paris',
    ]);
    assert.deepEqual([found.total, found.searched], [3, 4]);
    const [first, second] = found.results;
    assert.ok((first?.score ?? 0) > (second?.score ?? 0));
    assert.deepEqual(
      { ...first, item_id: '', created_at: '', score: 0 },
      {
        item_id: '',
        text: 'Berlin has a television tower',
        tags: ['landmarks'],
        metadata: { year: 1969 },
        created_at: '',
        score: 0,
      },
    );
    assert.equal((await done('memory.query', { query: 'tower', k: 1 })).results.length, 1);
  });

  it('finds within any of the tags, and nothing for what has no words or no match', async () => {
    const found = await done('memory.search', { query: 'tower', tags: ['geography', 'unknown'] });
    assert.deepEqual(texts(found.results), ['The Eiffel Tower is in Paris']);
    for (const query of ['zeppelin', '?!', 'tow', 'constructor __proto__'])
      assert.deepEqual((await done('memory.search', { query })).results, [], query);
  });

  it('finds text of other scripts', async () => {
    await done('memory.write', { text: '東京タワーは港区にある' });
    await done('memory.write', { text: 'ฉันรักภาษาไทย' });
    await done('memory.write', { text: 'Эйфелева башня в Париже' });
    for (const [query, text] of [
      ['東京', '東京タワーは港区にある'],
      ['ภาษา', 'ฉันรักภาษาไทย'],
      ['БАШНЯ', 'Эйфелева башня в Париже'],
    ] as const)
      assert.deepEqual(texts((await done('memory.search', { query })).results), [text]);
  });

  it('lists the newest first, page by page, with the total', async () => {
    for (const text of ['l 1', 'l 2', 'l 3']) await done('memory.write', { text, tags: ['listed'] });
    const all = await done('memory.list', { tags: ['listed'] });
    assert.deepEqual([texts(all.items), all.total, all.has_more], [['l 3', 'l 2', 'l 1'], 3, false]);
    const first = await done('memory.list', { tags: ['listed'], limit: 2 });
    assert.deepEqual([texts(first.items), first.total, first.has_more], [['l 3', 'l 2'], 3, true]);
    const rest = await done('memory.list', { tags: ['listed'], limit: 2, offset: 2 });
    assert.deepEqual([texts(rest.items), rest.has_more], [['l 1'], false]);
    assert.deepEqual((await done('memory.list', { limit: 0, tags: ['listed'] })).total, 3);
    assert.ok(Number((await done('memory.list', {})).total) >= 10);
  });

  it('tells texts and tags apart that are the same when they are joined', async () => {
    const one = await done('memory.write', { text: 'joined ab', tags: ['c', 'd'] });
    const two = await done('memory.write', { text: 'joined a', tags: ['bc', 'd'] });
    const three = await done('memory.write', { text: 'joined ab', tags: ['c,d'] });
    assert.equal(new Set([one.item_id, two.item_id, three.item_id]).size, 3);
    assert.equal((await done('memory.search', { query: 'joined' })).total, 3);
  });

  it('stores the same text twice when two jobs say so', async () => {
    const inputs = { text: 'said twice', tags: [] };
    const ids = await Promise.all(
      ['k1', 'k2'].map(async (idempotency_key) => {
        const { body } = await stackOf().post<Answer>('/orchestrate', { intent: 'memory.write', inputs, idempotency_key });
        return body.result.item_id;
      }),
    );
    assert.notEqual(ids[0], ids[1]);
    assert.equal((await done('memory.search', { query: 'said twice' })).total, 2);
  });

  it('forgets what is deleted', async () => {
    const { item_id } = await done('memory.write', { text: 'forgettable' });
    const kept = await done('memory.write', { text: 'forgettable too' });
    assert.deepEqual(await done('memory.delete', { item_id }), { item_id, status: 'deleted' });
    const { results, total } = await done('memory.search', { query: 'forgettable' });
    assert.deepEqual([results.map((one) => one.item_id), total], [[kept.item_id], 1]);
    const absent = await stackOf().post<Answer>('/orchestrate', {
      ...{ intent: 'memory.delete', inputs: { item_id }, idempotency_key: 'another' },
    });
    assert.equal(absent.body.result.status, 'absent');
  });

  it('shows a tenant nothing of another, and lets it delete nothing', async () => {
    const headers = await other();
    const { item_id } = await done('memory.write', { text: 'ours alone', tags: ['private'] });
    const foreign = await done('memory.write', { text: 'theirs alone' }, headers);
    for (const query of ['ours', 'tower', 'alone'])
      assert.deepEqual(
        (await done('memory.search', { query }, headers)).results.map((one) => one.item_id),
        query === 'alone' ? [foreign.item_id] : [],
      );
    assert.deepEqual(texts((await done('memory.list', {}, headers)).items), ['theirs alone']);
    assert.equal((await done('memory.delete', { item_id }, headers)).status, 'absent');
    assert.deepEqual(texts((await done('memory.search', { query: 'ours' })).results), ['ours alone']);
  });

  it('stores what 30 write at once, each once', async () => {
    const written = await Promise.all(
      Array.from({ length: 30 }, (_, number) => done('memory.write', { text: `at once ${number}`, tags: ['at once'] })),
    );
    const ids = written.map((one) => one.item_id);
    assert.equal(new Set(ids).size, 30);
    const listed = await done('memory.list', { tags: ['at once'], limit: 50 });
    assert.deepEqual(listed.items.map((one) => one.item_id).sort(), ids.sort());
  });

  it('fails what it cannot take as invalid_inputs, and names each field', async () => {
    const both = await refused('memory.write', { text: '', tags: ['a', '', 7], colour: 'red', metadata: 'none' });
    for (const name of ['text', 'tags.1', 'tags.2', 'colour', 'metadata']) assert.ok(both.includes(`${name} `), `${name}: ${both}`);
    assert.match(await refused('memory.write', {}), /text is missing/);
    const unknown = await refused('memory.write', { text: 'x', ...Object.fromEntries([...'abcdefgh'].map((one) => [one, 1])) });
    for (const name of 'abcdefgh') assert.ok(unknown.includes(`${name} is not a field`), unknown);
    assert.match(await refused('memory.write', { text: 'é'.repeat(32_769) }), /text is larger than 65536 bytes/);
    assert.match(await refused('memory.write', { text: 'x', tags: Array(51).fill('t') }), /tags /);
    assert.match(await refused('memory.write', { text: 'x', tags: ['t'.repeat(101)] }), /tags.0 /);
    assert.match(await refused('memory.write', { text: 'x', metadata: { a: 'b'.repeat(2_048) } }), /metadata is larger/);
    assert.match(await refused('memory.search', { query: '', k: 51, tags: 'a' }), /query .*k .*tags /s);
    assert.match(await refused('memory.list', { limit: -1, offset: 'x' }), /limit .*offset /s);
    assert.match(await refused('memory.delete', { item_id: '../x' }), /item_id is no item_id/);
    const { status, body } = await asked('memory.forget', {});
    assert.deepEqual([status, (body as unknown as Refusal).code], [422, 'invalid_fields']);
  });

  it('takes a text of 64 KiB, and 50 tags of 100 characters', async () => {
    const tags = Array.from({ length: 50 }, (_, number) => `${number}`.padEnd(100, 'é'));
    const text = `largest ${'wort '.repeat(20_000)}`.slice(0, 65_536);
    assert.equal((await done('memory.write', { text, tags })).text_length, 65_536);
    assert.equal((await done('memory.search', { query: 'largest', tags: [tags[49]] })).results[0]?.text, text);
  });
}
