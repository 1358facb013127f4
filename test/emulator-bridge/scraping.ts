/** What `GET /metrics` shows, read as Prometheus reads it, against what was run. */

import assert from 'node:assert/strict';
import { until } from '../support/folder.ts';
import type { Listener } from '../support/http-listener.ts';
import type { TestStack } from '../support/stack.ts';

type Labels = Readonly<Record<string, string>>;
export interface Sample {
  readonly name: string;
  readonly labels: Labels;
  readonly value: number;
}

const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? ([-+]?(?:\d+(?:\.\d+)?(?:e[-+]?\d+)?|Inf|NaN))$/i;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/y;

/** Every line; fails for one that the text format 0.0.4 does not have, and for a sample without a type. */
export function parsed(text: string): Sample[] {
  const types = new Set<string>();
  assert.ok(text.endsWith('\n'));
  return text.split('\n').flatMap((line): Sample[] => {
    if (line === '' || /^# HELP [\w:]+ /.test(line)) return [];
    const type = /^# TYPE ([\w:]+) (?:counter|gauge|histogram)$/.exec(line)?.[1];
    if (type !== undefined) {
      assert.ok(!types.has(type), `${type} comes twice`);
      types.add(type);
      return [];
    }
    if (/^# UNIT [\w:]+ /.test(line)) return [];
    const [, name = '', inner = '', value] = SAMPLE.exec(line) ?? assert.fail(line);
    assert.ok(types.has(name) || types.has(name.replace(/_(?:bucket|sum|count)$/, '')), `${name} has no type`);
    const labels: Record<string, string> = {};
    for (LABEL.lastIndex = 0; LABEL.lastIndex < inner.length; ) {
      const [, label = '', given = ''] = LABEL.exec(inner) ?? assert.fail(line);
      labels[label] = given;
    }
    return [{ name, labels, value: Number(value?.replace('Inf', 'Infinity')) }];
  });
}

/** The stack has the agent `remote` at `peer`. */
export function scraping(stackOf: () => TestStack, peerOf: () => Listener): void {
  async function scraped(): Promise<Sample[]> {
    const { url, local } = stackOf();
    const reply = await fetch(`${url}/metrics`, { headers: local.key === undefined ? {} : { 'x-api-key': local.key } });
    const text = await reply.text();
    assert.equal(reply.status, 200, text);
    assert.match(String(reply.headers.get('content-type')), /^text\/plain; version=0\.0\.4/);
    return parsed(text);
  }
  const sum = (samples: readonly Sample[], name: string, wanted: Labels): number =>
    samples
      .filter((one) => one.name === name && Object.entries(wanted).every(([label, value]) => one.labels[label] === value))
      .reduce((all, { value }) => all + value, 0);

  it('agrees with what was run: tasks by agent and end, runs, requests by route and status', async () => {
    const before = await scraped();
    for (let n = 0; n < 3; n++) await stackOf().run({ agent: 'light' });
    for (let n = 0; n < 2; n++) await stackOf().run({ agent: 'codex', payload: { fail: 'terminal' } });
    await stackOf().run({ agent: 'remote' });
    assert.equal((await stackOf().get('/task/nothing')).status, 404);
    const rows: [string, Labels, number][] = [
      ['heliograph_tasks_created_total', { agent: 'light' }, 3],
      ['heliograph_tasks_created_total', { agent: 'codex' }, 2],
      ['heliograph_tasks_ended_total', { agent: 'light', status: 'succeeded' }, 3],
      ['heliograph_tasks_ended_total', { agent: 'codex', status: 'failed' }, 2],
      ['heliograph_tasks_ended_total', { agent: 'remote', status: 'succeeded' }, 1],
      ['heliograph_run_seconds_count', { agent: 'light', outcome: 'succeeded' }, 3],
      ['heliograph_run_seconds_bucket', { agent: 'codex', outcome: 'failed', le: '+Inf' }, 2],
      ['heliograph_request_seconds_count', { function: 'dispatch', method: 'POST', route: '/dispatch', status: '202' }, 6],
      ['heliograph_request_seconds_count', { function: 'dispatch', route: '/task/:id', status: '404' }, 1],
    ];
    let now: Sample[] = [];
    const got = () => rows.map(([name, labels]) => sum(now, name, labels) - sum(before, name, labels));
    await until(async () => {
      now = await scraped();
      return got().every((value, index) => value >= (rows[index]?.[2] ?? 0));
    }, 5_000).catch(() => {});
    assert.deepEqual(
      got(),
      rows.map(([, , value]) => value),
    );
    const pushed = now.filter(({ name, labels }) => name === 'heliograph_request_seconds_count' && labels.function === 'results');
    assert.ok(
      pushed.some(({ labels, value }) => labels.route === '/pubsub/results' && value >= 4),
      JSON.stringify(pushed),
    );
  });

  it('has as many series as before, whatever tenants name their agents and clients ask for', async () => {
    const series = async () => new Set((await scraped()).map(({ name, labels }) => `${name}${JSON.stringify(labels)}`));
    const name = (n: number): string => `hostile-${n}`;
    const round = async (from: number) => {
      for (let n = from; n < from + 3; n++) {
        await stackOf().post('/register-agent', { name: name(n), endpoint: `${peerOf().url}/run`, priceCents: 1 });
        await until(async () => (await stackOf().dispatch({ agent: name(n), mode: 'pubsub' })).status === 202, 10_000);
        await fetch(`${stackOf().url}/task/"}evil{x="${n}\\`);
        await fetch(`${stackOf().url}/tasks/${n}/nowhere`);
      }
      await until(async () => sum(await scraped(), 'heliograph_tasks_ended_total', { agent: "tenant's own" }) >= from + 3, 15_000);
    };
    await round(0);
    const before = await series();
    await round(3);
    const added = [...(await series())].filter((one) => !before.has(one));
    assert.ok(![...before, ...added].some((one) => /hostile|evil|nowhere/.test(one)));
    assert.ok(
      added.every((one) => /heliograph_(?:request|swept)/.test(one)),
      added.join('\n'),
    );
  });

  it('shows how long the oldest message has waited, and the circuit of an agent that does not answer', async () => {
    const age = async () => sum(await scraped(), 'heliograph_oldest_unacked_seconds', { subscription: 'sub-light' });
    peerOf().answer = () => ({ status: 503 });
    const ids: string[] = [];
    for (let n = 0; n < 6; n++) ids.push((await stackOf().dispatch({ agent: 'remote', mode: 'pubsub', maxAttempts: 2 })).body.id);
    await until(async () => (await age()) > 0, 10_000);
    await until(async () => sum(await scraped(), 'heliograph_circuits', { agent: 'remote', state: 'open' }) === 1, 15_000);
    await Promise.all(ids.map((id) => stackOf().post(`/task/${id}/cancel`, {})));
  });
}
