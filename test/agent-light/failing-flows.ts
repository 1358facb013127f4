/** Rows O8 and O16: flows that fail, break off, hang, and get well. */

import assert from 'node:assert/strict';
import type { JobView } from '../dispatch/orchestrate/jobs.ts';
import type { TestStack, View } from '../support/stack.ts';
import { answers, type WebhookServer } from '../support/webhook-server.ts';

/** Of the stacks under test. While a circuit is open, others have to come and wait. */
export const failingFlows = (url: string, openMs: number) => ({
  'times.orchestrateWaitMs': 3_000,
  'times.circuitOpenMs': openMs,
  'times.retryMaximumMs': 100,
  intents: [
    ...['fails.run', 'passing.run'].map((name) => ({ name, mode: 'flow', target: `${url}/${name}` })),
    { name: 'hangs.run', mode: 'flow', target: `${url}/hangs.run`, timeLimitSeconds: 0.5 },
  ],
});

export function flowsFail(stackOf: () => TestStack, hookOf: () => WebhookServer, openMs: number): void {
  async function asked(intent: string, inputs: object = {}): Promise<string> {
    const { status, body } = await stackOf().post<JobView>('/orchestrate', { intent, inputs });
    assert.ok(status === 200 || status === 202, JSON.stringify(body));
    return body.job_id.slice('job_'.length);
  }
  async function ended(id: string): Promise<JobView> {
    await stackOf().ended(id, openMs + 30_000);
    return (await stackOf().get<JobView>(`/jobs/${id}`)).body;
  }
  const holds = (intent: string) => (view: View) => JSON.stringify(view.waitingFor) === `["circuit:flow:${intent}"]`;

  it('is asked again after it failed, and after it broke off in the middle, with one idempotency key', async () => {
    hookOf().behaviours.set('/fails.run', (call, response) => {
      if (call.body.epoch === 1) return answers(500)(call, response);
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '6' });
      if (call.body.epoch === 2) response.write('"we', () => response.destroy());
      else response.end('"well"');
    });
    const view = await ended(await asked('fails.run'));
    assert.deepEqual([view.status, view.result, view.metrics.attempts], ['success', 'well', 3]);
    assert.deepEqual(
      view.logs.filter(({ message }) => message === 'retry').map((log) => (log as { code?: string }).code),
      ['flow_failed', 'flow_unreachable'],
    );
    const calls = hookOf().callsOf('/fails.run');
    assert.deepEqual([calls.length, new Set(calls.map(({ headers }) => headers['idempotency-key'])).size], [3, 1]);
  });

  it('that hangs is stopped at its time limit, each time, and its circuit knows', async () => {
    hookOf().behaviours.set('/hangs.run', () => {});
    const view = await ended(await asked('hangs.run'));
    assert.deepEqual([view.status, view.error?.code, view.metrics.attempts], ['error', 'attempts_exhausted', 3]);
    assert.match(String(view.error?.message), /run_timeout/);
    await stackOf().reaches(await asked('hangs.run', { n: 2 }), holds('hangs.run'));
    assert.equal(hookOf().callsOf('/hangs.run').length, 5, 'five failures in a row open the circuit');
  });

  it('that gets well while its circuit is open is asked when its time is over, and the jobs that waited succeed', async () => {
    hookOf().behaviours.set('/passing.run', answers(500));
    assert.equal((await ended(await asked('passing.run', { n: 1 }))).status, 'error');
    const early = await asked('passing.run', { n: 2 });
    await stackOf().reaches(early, holds('passing.run'));
    const late = await asked('passing.run', { n: 3 });
    await stackOf().reaches(late, holds('passing.run'));
    assert.equal(hookOf().callsOf('/passing.run').length, 5, 'it was asked while its circuit was open');
    hookOf().behaviours.set('/passing.run', answers(200, '"well"'));
    const views = [await ended(early), await ended(late)];
    assert.deepEqual(
      views.map(({ status, metrics, result }) => [status, metrics.attempts, result]),
      [
        ['success', 3, 'well'],
        ['success', 1, 'well'],
      ],
    );
    assert.deepEqual(
      views[1]?.logs.slice(1).map(({ message }) => message),
      ['queued', 'held', 'running', 'succeeded'],
    );
  });
}
