import assert from 'node:assert/strict';
import { describeWithEmulators } from '../support/emulators.ts';
import type { Refusal, TestStack } from '../support/stack.ts';
import { embeddedStack } from '../support/stack-embedded.ts';
import { emulatedStack } from '../support/stack-emulated.ts';

interface Entry {
  readonly at: string;
  readonly event: string;
  readonly entity: string;
  readonly actor?: string;
  readonly detail?: Record<string, unknown>;
  readonly number: number;
  readonly hash: string;
  readonly cursor?: string;
}
interface Page {
  readonly entries: readonly Entry[];
  readonly nextCursor?: string;
}

/** What has to be the same on every runtime. */
function isShown(stackOf: () => TestStack): void {
  const page = async (query: string): Promise<Page> => {
    const { status, body } = await stackOf().get<Page>(`/audit?${query}`);
    assert.equal(status, 200, JSON.stringify(body));
    return body;
  };
  const said = ({ entries }: Page) => entries.map(({ event, entity }) => [event, entity]);
  async function exported(query = ''): Promise<Record<string, unknown>[]> {
    const { url, local } = stackOf();
    const headers: Record<string, string> = local.key === undefined ? {} : { 'x-api-key': local.key };
    const response = await fetch(`${url}/audit/export?${query}`, { headers });
    assert.equal(response.headers.get('content-type'), 'application/x-ndjson; charset=utf-8');
    const lines = (await response.text()).trimEnd().split('\n');
    return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  before(async () => {
    for (const name of ['a', 'b']) await stackOf().post('/register-agent', { name, handler_type: 'mock', priceCents: 2 });
    await stackOf().post('/agents/a/disable', {});
    await stackOf().post('/agents/b/disable', {});
    await stackOf().post('/agents/a/enable', {});
  });
  const all = [
    ['enabled', 'agent:a'],
    ['disabled', 'agent:b'],
    ['disabled', 'agent:a'],
    ['registered', 'agent:b'],
    ['registered', 'agent:a'],
  ];

  it('lists who decided what, newest first, with its number and hash', async () => {
    const { entries, nextCursor } = await page('');
    assert.deepEqual(said({ entries }), all);
    assert.equal(nextCursor, undefined);
    const { at, hash, actor, ...first } = entries.at(-1) as Entry;
    const detail = { type: 'mock', priceCents: 2, timeLimitSeconds: 540 };
    assert.deepEqual(first, { event: 'registered', entity: 'agent:a', detail, number: 1 });
    assert.ok(Math.abs(Date.parse(at) - Date.now()) < 60_000 && hash.length > 40 && actor);
    assert.deepEqual(
      entries.map(({ number }) => number),
      [3, 2, 2, 1, 1],
    );
  });

  it('pages, and a limit of 0 gives none', async () => {
    assert.deepEqual(await page('limit=0'), { entries: [] });
    const seen: unknown[] = [];
    let cursor: string | undefined = '';
    for (let pages = 0; cursor !== undefined; pages++) {
      assert.ok(pages < 4);
      const { entries, nextCursor }: Page = await page(`limit=2${cursor && `&cursor=${cursor}`}`);
      seen.push(...said({ entries }));
      cursor = nextCursor;
    }
    assert.deepEqual(seen, all);
  });

  it('filters by entity, actor, event and time, and by all of them', async () => {
    const { entries } = await page('');
    const [newest, , third] = entries as [Entry, Entry, Entry];
    const { actor } = newest;
    const rows: [query: string, expected: unknown[][]][] = [
      ['entity=agent:b', all.filter(([, entity]) => entity === 'agent:b')],
      ['event=disabled', all.filter(([event]) => event === 'disabled')],
      [`actor=${actor}`, all],
      ['actor=nobody', []],
      [`entity=agent:a&event=disabled&actor=${actor}`, all.slice(2, 3)],
      [`entity=agent:a&actor=${actor}`, all.filter(([, entity]) => entity === 'agent:a')],
      [`event=registered&actor=${actor}`, all.slice(3)],
      ['entity=agent:a&event=enabled', all.slice(0, 1)],
      [`from=${third.at}`, all.slice(0, 3)],
      [`to=${third.at}`, all.slice(2)],
      [`from=${third.at}&to=${third.at}&event=disabled&entity=agent:a`, all.slice(2, 3)],
      ['from=2999-01-01', []],
    ];
    for (const [query, expected] of rows) assert.deepEqual(said(await page(query)), expected, query);
    const limited = await page(`from=${third.at}&limit=3`);
    assert.deepEqual([limited.entries.length, limited.nextCursor], [3, undefined]);
  });

  it('shows what happened to a task in the same shape, by its id or as an entity', async () => {
    const { id } = await stackOf().run({ agent: 'codex', payload: { fail: 'retry' }, maxAttempts: 2 });
    const shown = await page(`taskId=${id}`);
    assert.deepEqual(
      shown.entries.map(({ event, entity, number }) => [event, entity, number]),
      ['dead', 'running', 'retry', 'running', 'queued'].map((event, index) => [event, `task:${id}`, 5 - index]),
    );
    assert.deepEqual(await page(`entity=task:${id}`), shown);
    assert.deepEqual((await page(`taskId=${id}&event=running`)).entries.length, 2);
    const first = await page(`taskId=${id}&limit=3`);
    const rest = await page(`taskId=${id}&limit=3&cursor=${first.nextCursor}`);
    assert.deepEqual([...first.entries, ...rest.entries], shown.entries);
    assert.equal(rest.nextCursor, undefined);
    assert.equal((await stackOf().get<Refusal>('/audit?taskId=nobody')).body.code, 'task_not_found');
  });

  it('exports as JSON lines, which can be resumed behind any of them', async () => {
    const lines = await exported();
    assert.deepEqual(lines.pop(), { end: true });
    assert.deepEqual(
      lines.map(({ event, entity }) => [event, entity]),
      all,
    );
    const rest = await exported(`cursor=${lines[2]?.cursor}`);
    assert.deepEqual(rest, [...lines.slice(3), { end: true }]);
    assert.deepEqual((await exported('event=enabled')).length, 2);
  });

  it('refuses what it does not know, by name', async () => {
    for (const [query, field] of [
      ['limit=201', 'limit'],
      ['from=yesterday', 'from'],
      ['until=2026-01-01', 'until'],
      ['cursor=x', 'cursor'],
      ['taskId=a&entity=agent:a', 'taskId'],
    ]) {
      const { status, body } = await stackOf().get<Refusal>(`/audit?${query}`);
      assert.deepEqual([status, body.errors?.[0]?.field], [422, field], query);
    }
    assert.equal((await stackOf().get<Refusal>('/audit/export?limit=1')).status, 422);
  });
}

describe('GET /audit', function () {
  this.timeout(30_000);
  let stack: TestStack;
  before(async () => {
    stack = await embeddedStack();
  });
  after(() => stack.stop());
  isShown(() => stack);
});

describeWithEmulators("GET /audit, on Google's emulators", function () {
  this.timeout(60_000);
  let stack: TestStack;
  before(async () => {
    stack = await emulatedStack();
  });
  after(() => stack.stop());
  isShown(() => stack);
});
