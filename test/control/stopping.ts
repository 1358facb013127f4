import assert from 'node:assert/strict';
import { until } from '../support/folder.ts';
import type { GatedAgent } from '../support/gated-agent.ts';
import type { TestStack, View } from '../support/stack.ts';
import { type Held, SWITCHES_MS, untilHeld } from './pausing.ts';

/** What an emergency stop does on every runtime. */
export function stopping(stackOf: () => TestStack, agentOf: () => GatedAgent): void {
  const isStopped = ({ status, waitingFor }: View) => status === 'waiting' && JSON.stringify(waitingFor).includes('resume');
  const events = ({ timeline }: View) => timeline.map(({ event, code }) => [event, ...(code === undefined ? [] : [code])]);

  it('aborts what runs, wherever it runs, starts nothing, and lets all of it run once it is lifted', async () => {
    const { packet, open } = agentOf().gate();
    const relayed = (await stackOf().dispatch({ ...packet, maxAttempts: 1, budgetCents: 20 })).body;
    const overHttps = (await stackOf().dispatch({ agent: 'codex', mode: 'pubsub', payload: { pauseMs: 6_000 } })).body;
    const other = agentOf().gate();
    const answered = stackOf().dispatch({ ...other.packet, mode: 'http', traceId: 'in mode http' });
    const inModeHttp = { id: await idOf('in mode http') };
    const all = [relayed, overHttps, inModeHttp];
    for (const { id } of all) await stackOf().reaches(id, 'running');
    const started = Date.now();
    const { status, body } = await stackOf().post<Held>('/emergency-stop', '');
    assert.deepEqual([status, body.stopped?.by], [200, stackOf().settings.auth === 'open' ? 'local' : body.stopped?.by]);
    for (const { id } of all) {
      const view = await stackOf().reaches(id, isStopped);
      // Nobody's failure: no attempt is spent, however few there are.
      assert.equal(view.attempts, 0);
      assert.ok(
        events(view).some(([event, code]) => event === 'retry' && code === 'stopped'),
        JSON.stringify(view.timeline),
      );
    }
    assert.ok(Date.now() - started < SWITCHES_MS + 5_000, 'it took too long');
    assert.equal((await answered).status, 202);
    const fresh = await untilHeld(stackOf());
    // No smaller act lifts it.
    const smaller = await stackOf().post<Held>('/resume', { all: true });
    assert.deepEqual([smaller.body.stopped, smaller.body.paused], [body.stopped, []]);
    await new Promise((resolve) => setTimeout(resolve, 3 * SWITCHES_MS));
    for (const { id } of [...all, fresh]) {
      const view = (await stackOf().get(`/task/${id}`)).body;
      assert.deepEqual([view.status, view.attempts], ['waiting', 0]);
    }
    open();
    other.open();
    const lifted = await stackOf().delete<Held>('/emergency-stop');
    assert.deepEqual([lifted.status, lifted.body.stopped], [200, undefined]);
    for (const { id } of [...all, fresh]) {
      const view = await stackOf().ended(id, 25_000);
      assert.deepEqual([view.status, view.attempts], ['succeeded', 1], JSON.stringify(view.timeline));
    }
  });

  async function idOf(traceId: string): Promise<string> {
    let id: string | undefined;
    await until(async () => {
      const { body } = await stackOf().get<{ tasks: View[] }>(`/tasks?trace=${encodeURIComponent(traceId)}`);
      id = body.tasks[0]?.id;
      return id !== undefined;
    });
    return id as string;
  }

  it('stands beside what is paused, and leaves it as it is', async () => {
    await stackOf().post('/pause', { agent: 'codex' });
    await stackOf().post('/emergency-stop', '');
    const { body } = await stackOf().delete<Held>('/emergency-stop');
    assert.deepEqual(
      body.paused.map(({ agent }) => agent),
      ['codex'],
    );
    await stackOf().post('/resume', { agent: 'codex' });
    await until(async () => (await stackOf().run({ agent: 'codex' })).status === 'succeeded');
  });
}
