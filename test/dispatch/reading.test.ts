import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { brokenLink, timelineStart } from '../../functions/core/signing.ts';
import type { TimelineEntry } from '../../functions/core/task.ts';
import { fromDocument } from '../../functions/core/task-document.ts';
import type { View } from '../support/stack.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';

interface Page {
  readonly tasks: View[];
  readonly nextCursor?: string;
}

describe('reading tasks', function () {
  this.timeout(30_000);
  let stack: EmbeddedTestStack;
  before(async () => {
    stack = await embeddedStack();
  });
  after(() => stack.stop());

  describe('lists', () => {
    const COUNT = 230;
    const made: View[] = [];
    before(async () => {
      for (let start = 0; start < COUNT; start += 10) {
        const packets = Array.from({ length: 10 }, (_, index) => start + index);
        const replies = await Promise.all(
          packets.map((n) =>
            stack.dispatch({
              agent: n % 3 === 0 ? 'codex' : 'light',
              traceId: n % 2 === 0 ? 'even' : 'odd',
              ...(n % 5 === 0 ? { budgetCents: 0 } : {}),
            }),
          ),
        );
        made.push(...replies.map(({ body }) => body));
      }
      assert.deepEqual([...new Set(made.map(({ status }) => status))].sort(), ['failed', 'succeeded']);
    });

    async function all(query: string): Promise<View[]> {
      const tasks: View[] = [];
      let cursor = '';
      for (let pages = 0; pages < 300; pages++) {
        const { status, body } = await stack.get<Page>(`/tasks?${query}${cursor && `&cursor=${cursor}`}`);
        assert.equal(status, 200);
        tasks.push(...body.tasks);
        if (body.nextCursor === undefined) return tasks;
        cursor = body.nextCursor;
      }
      assert.fail('the pages do not end');
    }

    const filters: [string, (task: View) => boolean][] = [
      ['limit=1', () => true],
      ['limit=7', () => true],
      ['limit=200', () => true],
      ['', () => true],
      ['limit=20&agent=codex', ({ agent }) => agent === 'codex'],
      ['limit=20&status=failed', ({ status }) => status === 'failed'],
      ['limit=20&trace=even', ({ traceId }) => traceId === 'even'],
      ['limit=20&traceId=odd', ({ traceId }) => traceId === 'odd'],
      ['limit=9&agent=light&status=succeeded', ({ agent, status }) => agent === 'light' && status === 'succeeded'],
      ['limit=9&agent=light&trace=odd', ({ agent, traceId }) => agent === 'light' && traceId === 'odd'],
      ['limit=9&status=failed&trace=odd', ({ status, traceId }) => status === 'failed' && traceId === 'odd'],
      [
        'limit=3&agent=codex&status=failed&trace=even',
        (task) => task.agent === 'codex' && task.status === 'failed' && task.traceId === 'even',
      ],
      ['agent=nobody', () => false],
      ['status=running', () => false],
    ];
    for (const [query, belongs] of filters) {
      it(`gives each task once, newest first: ${query || 'as it is'}`, async () => {
        const tasks = await all(query);
        assert.deepEqual(
          tasks.map(({ id }) => id).sort(),
          made
            .filter(belongs)
            .map(({ id }) => id)
            .sort(),
        );
        const times = tasks.map(({ createdAt }) => String(createdAt));
        assert.deepEqual(times, times.toSorted().reverse());
      });
    }

    it('gives none for limit=0, and no more than the limit', async () => {
      assert.deepEqual((await stack.get('/tasks?limit=0')).body, { tasks: [] });
      assert.equal((await stack.get<Page>('/tasks?limit=3')).body.tasks.length, 3);
      assert.equal((await stack.get<Page>('/tasks')).body.tasks.length, 50);
    });

    it('neither repeats nor leaves out while new tasks come in', async () => {
      const first = (await stack.get<Page>('/tasks?limit=100')).body;
      await Promise.all(Array.from({ length: 10 }, () => stack.dispatch({})));
      const rest = await all(`limit=100&cursor=${first.nextCursor}`);
      const ids = [...first.tasks, ...rest].map(({ id }) => id);
      assert.equal(new Set(ids).size, ids.length);
      assert.deepEqual(ids.sort(), made.map(({ id }) => id).sort());
    });
  });

  describe('waiting', () => {
    it('answers when the task ends, not before and not much after', async () => {
      const { body } = await stack.dispatch({ agent: 'codex', mode: 'pubsub', payload: { pauseMs: 500 } });
      const started = Date.now();
      const { body: view } = await stack.get(`/task/${body.id}?waitSeconds=10`);
      assert.equal(view.status, 'succeeded');
      assert.ok(Date.now() - started < 1_500);
    });

    it('answers with the task as it stands when the wait is over', async () => {
      const { body } = await stack.dispatch({ notBefore: Date.now() / 1000 + 60 });
      const started = Date.now();
      const reply = await stack.get(`/task/${body.id}?waitSeconds=0.3`);
      assert.deepEqual([reply.status, reply.body.status], [200, 'waiting']);
      assert.ok(Date.now() - started >= 290);
      await stack.post(`/task/${body.id}/cancel`, {});
    });

    it('ends for many who wait at once', async () => {
      const { body } = await stack.dispatch({ agent: 'codex', mode: 'pubsub', payload: { pauseMs: 300 } });
      const replies = await Promise.all(Array.from({ length: 50 }, () => stack.get(`/task/${body.id}?waitSeconds=10`)));
      assert.deepEqual([...new Set(replies.map((reply) => reply.body.status))], ['succeeded']);
    });
  });

  describe('events', () => {
    interface Event {
      readonly id?: string;
      readonly event: string;
      readonly data: View;
    }
    async function events(id: string, headers: Record<string, string> = {}): Promise<Event[]> {
      const response = await fetch(`${stack.url}/task/${id}/events`, { headers });
      assert.match(response.headers.get('content-type') ?? '', /^text\/event-stream/);
      const blocks = (await response.text()).split('\n\n').filter((block) => block !== '' && !block.startsWith(':'));
      return blocks.map((block) => {
        const fields = Object.fromEntries(block.split('\n').map((line) => line.split(/: (.*)/s).slice(0, 2)));
        return { ...fields, data: JSON.parse(fields.data) } as Event;
      });
    }

    it('come as they happen, each once, and end with the task', async () => {
      const { body } = await stack.dispatch({
        agent: 'codex',
        mode: 'pubsub',
        payload: { pauseMs: 200, fail: 'retry' },
        maxAttempts: 2,
      });
      const told = await events(body.id);
      const view = await stack.ended(body.id);
      assert.deepEqual(
        told.map(({ event }) => event),
        ['queued', 'running', 'retry', 'running', 'dead', 'end'],
      );
      assert.deepEqual(
        told.slice(0, -1).map(({ data }) => data),
        view.timeline,
      );
      assert.deepEqual(told.at(-1)?.data, view);
    });

    it('of an ended task are told at once, and behind Last-Event-ID only what is new', async () => {
      const view = await stack.run({});
      const told = await events(view.id);
      assert.deepEqual(
        told.map(({ event }) => event),
        ['queued', 'running', 'succeeded', 'end'],
      );
      const rest = await events(view.id, { 'last-event-id': told[1]?.id ?? '' });
      assert.deepEqual(
        rest.map(({ event }) => event),
        ['succeeded', 'end'],
      );
    });

    it('stop being watched when the client goes', async () => {
      const { body } = await stack.dispatch({ notBefore: Date.now() / 1000 + 60 });
      const gone = new AbortController();
      const response = await fetch(`${stack.url}/task/${body.id}/events`, { signal: gone.signal });
      await response.body?.getReader().read();
      gone.abort();
      await pause(50);
      assert.equal((await stack.post(`/task/${body.id}/cancel`, {})).status, 200);
    });
  });

  describe('the timeline', () => {
    it('keeps the chain whole from entry to entry', async () => {
      const view = await stack.run({ agent: 'codex', payload: { fail: 'retry' }, maxAttempts: 4 });
      const task = fromDocument((await stack.documents.get('tasks', view.id))?.data ?? {});
      assert.equal(brokenLink(stack.signing, task.timeline, timelineStart('default', view.id)), -1);
      assert.equal(task.chain.head, (task.timeline.at(-1) as TimelineEntry).hash);
      assert.equal(task.chain.count, task.timeline.length);
    });
  });
});
