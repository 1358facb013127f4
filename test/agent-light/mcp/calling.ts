/** What calling the tools of MCP servers does on every runtime. */

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../../support/folder.ts';
import { everything, type HttpServer, pidsOf, standIn } from '../../support/mcp-servers.ts';
import type { Refusal, TestStack } from '../../support/stack.ts';

export interface Job {
  readonly job_id: string;
  readonly mode: string;
  readonly status: string;
  readonly result?: unknown;
  readonly error?: { readonly code: string; readonly message: string };
  readonly metrics: { readonly attempts: number };
  readonly logs: readonly { readonly message: string; readonly note?: string }[];
}

export interface Tools {
  readonly tools: readonly {
    readonly name: string;
    readonly inputSchema: { readonly type: string; readonly properties: object };
  }[];
}

export const MOST = 2;
/** Nobody else's processes have it on their command line. */
export const markOf = (runtime: string): string => `heliograph-test-${runtime}-${process.pid}`;

export const settingsWith = (mark: string, record: string, remote: HttpServer) => ({
  mcpServers: [everything(mark, { GREETING: 'hello' }), standIn(mark, record), remote.row],
  intents: [
    { name: 'odd.hang', mode: 'mcp', target: 'odd/hang', timeLimitSeconds: 2 },
    { name: 'odd.danger', mode: 'mcp', target: 'odd/wipe', dangerous: true },
  ],
  'limits.mcpSessions': MOST,
  'times.mcpIdleMs': 60_000,
});

export function calling(stackOf: () => TestStack, folderOf: () => string, mark: string): void {
  const ask = async (intent: string, inputs: object = {}, mode = 'auto') => {
    const { body } = await stackOf().post<Job>('/orchestrate', { intent, inputs, mode, idempotency_key: crypto.randomUUID() });
    return body;
  };
  /** The job as it has ended. */
  const ended = async (intent: string, inputs: object = {}, mode = 'auto') => {
    const { job_id } = await ask(intent, inputs, mode);
    assert.ok(job_id, `${intent} is no job`);
    await stackOf().ended(job_id.slice('job_'.length), 30_000);
    return (await stackOf().get<Job>(`/jobs/${job_id}`)).body;
  };
  const textOf = ({ result }: Job): string => (result as { text: string }[])[0]?.text ?? '';
  const heard = (what: string) =>
    existsSync(record())
      ? readFileSync(record(), 'utf8')
          .split('\n')
          .filter((line) => line.includes(what))
      : [];
  const record = () => join(folderOf(), 'record');

  it('names the servers, and nothing of how they are reached', async () => {
    const { status, body } = await stackOf().get('/mcp');
    assert.deepEqual([status, body], [200, { servers: [{ name: 'everything' }, { name: 'odd' }, { name: 'remote' }] }]);
  });

  for (const server of ['everything', 'remote']) {
    it(`lists the tools of ${server} with their schemas`, async () => {
      const { status, body } = await stackOf().get<Tools>(`/mcp/${server}/tools`);
      assert.equal(status, 200, JSON.stringify(body));
      const echo = body.tools.find(({ name }) => name === 'echo');
      assert.deepEqual(Object.keys(echo?.inputSchema.properties ?? {}), ['message']);
      assert.ok(body.tools.length >= 10);
    });

    it(`calls a tool of ${server}`, async () => {
      const job = await ask(`mcp.${server}.echo`, { message: 'grüß Gott' });
      assert.deepEqual([job.status, job.mode, textOf(job)], ['success', 'mcp', 'Echo: grüß Gott']);
      const sum = await ask(`mcp.${server}.get-sum`, { a: 2, b: 40 }, 'mcp');
      assert.match(textOf(sum), /42/);
    });

    it(`prefers the structured content that a tool of ${server} gives`, async () => {
      const { result } = await ask(`mcp.${server}.get-structured-content`, { location: 'Chicago' });
      assert.equal(typeof (result as { temperature: unknown }).temperature, 'number', JSON.stringify(result));
    });

    it(`passes the progress of ${server} on to the job`, async () => {
      const job = await ended(`mcp.${server}.trigger-long-running-operation`, { duration: 2.4, steps: 4 });
      assert.equal(job.status, 'success', JSON.stringify(job));
      const notes = job.logs.flatMap(({ note }) => (note === undefined ? [] : [note]));
      assert.deepEqual(notes.slice(0, 3), ['1/4', '2/4', '3/4'], JSON.stringify(job.logs));
    });

    it(`names the inputs that a tool of ${server} does not take`, async () => {
      const { status, error } = await ask(`mcp.${server}.get-sum`, { a: 'two' });
      assert.deepEqual([status, error?.code], ['error', 'invalid_inputs']);
      assert.match(error?.message ?? '', /a has to be number/);
      assert.match(error?.message ?? '', /b is missing/);
    });
  }

  it('gives the process the environment of the settings, and nothing else', async () => {
    assert.deepEqual(JSON.parse(textOf(await ask('mcp.everything.get-env'))), { GREETING: 'hello' });
  });

  it('refuses bad inputs before the server hears of them', async () => {
    await ask('mcp.odd.pid');
    const before = heard('tools/call').length;
    for (const inputs of [{ ms: 'x' }, { ms: 60_001 }, { other: 1 }, { file: null }]) {
      const { error } = await ask('mcp.odd.wait', inputs);
      assert.equal(error?.code, 'invalid_inputs', JSON.stringify(inputs));
    }
    assert.match((await ask('mcp.odd.wait', { other: 1 })).error?.message ?? '', /^other is not a field/);
    assert.equal(heard('tools/call').length, before);
  });

  it('leaves to the server what the check makes no sense of', async () => {
    assert.equal(textOf(await ask('mcp.odd.exotic', { a: 1 })), 'exotic');
  });

  it('hands the effect id on, the same over all attempts', async () => {
    const file = join(folderOf(), `died-${crypto.randomUUID()}`);
    const job = await ended('mcp.odd.die-once', { file });
    assert.deepEqual([job.status, textOf(job), job.metrics.attempts], ['success', 'there again', 2], JSON.stringify(job));
    const keys = heard(file).map((line) => /"heliograph\/idempotency-key":"([^"]+)"/.exec(line)?.[1]);
    assert.equal(keys.length, 2);
    assert.ok(keys[0] !== undefined && keys[0] === keys[1]);
  });

  it('gives up on a server that dies each time', async () => {
    const { status, error, metrics } = await ended('mcp.odd.die');
    assert.deepEqual([status, metrics.attempts], ['error', 3], JSON.stringify(error));
    assert.deepEqual([error?.code, /mcp_disconnected/.test(error?.message ?? '')], ['attempts_exhausted', true]);
  });

  it('fails the job, at once, for what the tool calls an error', async () => {
    const { error, status } = await ask('mcp.odd.fail');
    assert.deepEqual([status, error?.code], ['error', 'mcp_tool_failed']);
    assert.match(error?.message ?? '', /the disk is full/);
  });

  it('says which tools there are', async () => {
    const { error } = await ask('mcp.odd.nothing');
    assert.equal(error?.code, 'unknown_tool');
    assert.match(error?.message ?? '', /It has: pid, hang, die/);
    const missing = await stackOf().post<Refusal>('/orchestrate', { intent: 'mcp.nowhere.echo' });
    assert.deepEqual([missing.status, missing.body.errors?.[0]?.code], [422, 'intent_not_found']);
    const { status, body } = await stackOf().get<Refusal>('/mcp/nowhere/tools');
    assert.deepEqual([status, body.code], [404, 'mcp_server_not_found']);
  });

  it('sees a tool that has been added', async () => {
    assert.equal((await ask('mcp.odd.grow')).status, 'success');
    const { body } = await stackOf().get<Tools>('/mcp/odd/tools');
    assert.ok(body.tools.some(({ name }) => name === 'grown'));
  });

  it('stops one that never answers at its time limit: tells it, and ends its process', async () => {
    const before = heard('notifications/cancelled').length;
    const { status, error } = await ended('odd.hang');
    assert.deepEqual([status, /run_timeout|mcp_timeout/.test(error?.message ?? '')], ['error', true], JSON.stringify(error));
    await until(() => heard('notifications/cancelled').length === before + 3);
    const hung = [...new Set(heard('"name":"hang"').map((line) => Number(line.split(' ', 1)[0])))];
    assert.equal(hung.length, 3);
    await until(() => !pidsOf(mark).some((pid) => hung.includes(pid)));
  });

  it('stops a job that is cancelled: tells the server, and ends its process', async () => {
    const before = heard('notifications/cancelled').length;
    const task = await stackOf().dispatch({ agent: 'mcp:mcp.odd.wait', payload: { ms: 59_999 }, mode: 'pubsub' });
    await until(() => heard('59999').length === 1);
    const pid = Number(heard('59999')[0]?.split(' ', 1)[0]);
    assert.ok(pidsOf(mark).includes(pid));
    await stackOf().post(`/task/${task.body.id}/cancel`, {});
    assert.equal((await stackOf().ended(task.body.id)).status, 'cancelled');
    await until(() => heard('notifications/cancelled').length === before + 1 && !pidsOf(mark).includes(pid));
  });

  it('notes a flood of progress now and then, each note cut', async () => {
    const { status, logs } = await ended('mcp.odd.flood');
    const notes = logs.flatMap(({ note }) => (note === undefined ? [] : [note]));
    assert.equal(status, 'success');
    assert.ok(notes.length >= 1 && notes.length <= 3, `${notes.length} notes`);
    assert.ok(notes.every((note) => Buffer.byteLength(note) <= 1_024 && !note.includes('\ufffd')));
  });

  it('takes a large result', async () => {
    const job = await ask('mcp.odd.large');
    assert.equal(textOf(job).length, 600_000);
  });

  it(`lends no more than ${MOST} sessions, and keeps them`, async () => {
    const jobs = await Promise.all(Array.from({ length: 8 }, () => ended('mcp.odd.wait', { ms: 200 })));
    const pids = new Set(jobs.map(textOf));
    assert.ok(jobs.every(({ status }) => status === 'success'));
    assert.ok(pids.size >= 1 && pids.size <= MOST, [...pids].join());
    assert.ok(pids.has(textOf(await ask('mcp.odd.pid'))));
  });

  it('runs a dangerous tool dry by whatever name it is asked for', async () => {
    const before = heard('tools/call').length;
    const own = await stackOf().put('/intents/own.wipe', { mode: 'mcp', target: 'odd/wipe', dangerous: false });
    assert.equal(own.status, 200);
    const taken = await stackOf().put<Refusal>('/intents/mcp.odd.wipe', { mode: 'mcp', target: 'odd/wipe' });
    assert.deepEqual([taken.status, taken.body.code], [409, 'intent_reserved']);
    for (const intent of ['odd.danger', 'mcp.odd.wipe', 'own.wipe']) {
      const { result } = await ask(intent);
      assert.equal((result as { dry_run: boolean }).dry_run, true, intent);
    }
    assert.equal(heard('tools/call').length, before);
  });

  it('starts no command that a request names', async () => {
    const file = join(folderOf(), 'touched');
    const before = pidsOf(mark).length;
    const touch = { command: '/usr/bin/touch', args: [file], env: {}, name: 'evil' };
    const intents = [
      'mcp./usr/bin/touch.x',
      'mcp.everything/../odd.x',
      'mcp.sh.-c',
      `mcp.odd.$(touch ${file})`,
      'mcp.constructor.x',
    ];
    for (const intent of intents) {
      const { status } = await stackOf().post('/orchestrate', { intent, inputs: touch, mode: 'mcp' });
      assert.equal(status, 422, intent);
    }
    for (const extra of [{ command: 'touch' }, { mcpServers: [touch] }, { server: touch }]) {
      const { status } = await stackOf().post('/orchestrate', { intent: 'mcp.odd.pid', ...extra });
      assert.equal(status, 422, JSON.stringify(extra));
    }
    for (const target of [`/usr/bin/touch ${file}`, `touch/${file}`, 'evil/x', `;touch ${file}/x`]) {
      const { status } = await stackOf().put('/intents/evil.touch', { mode: 'mcp', target });
      assert.equal(status, 422, target);
    }
    const { status } = await stackOf().put('/intents/evil.touch', { mode: 'mcp', target: 'odd/pid', command: 'touch', env: {} });
    assert.equal(status, 422);
    for (const path of ['..%2fodd', '%2fusr%2fbin%2ftouch', 'odd%00', 'constructor', '__proto__'])
      assert.equal((await stackOf().get(`/mcp/${path}/tools`)).status, 404, path);
    assert.equal((await stackOf().post('/mcp/tools', { server: 'odd' })).status, 404);
    assert.equal(existsSync(file), false);
    assert.equal(pidsOf(mark).length, before);
  });
}
