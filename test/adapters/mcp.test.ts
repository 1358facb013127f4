import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { mcpServers } from '../../functions/adapters/mcp.ts';
import type { Log, McpCall, McpServers, McpSession } from '../../functions/core/ports.ts';
import { readSettings } from '../../functions/core/settings.ts';
import { temporaryFolder, until } from '../support/folder.ts';
import { everything, everythingOverHttp, pidsOf, standIn } from '../support/mcp-servers.ts';
import { silent } from '../support/stack.ts';

const mark = `heliograph-adapter-${process.pid}`;
const never = new AbortController().signal;

describe('an MCP server of the settings', function () {
  this.timeout(30_000);
  const folder = temporaryFolder();
  const odd = standIn(mark, join(folder.path, 'record'));
  let servers: McpServers | undefined;
  afterEach(async () => {
    await servers?.close();
    await until(() => pidsOf(mark).length === 0, 3_000);
  });
  after(() => folder.remove());

  const made = (rows: object[], flags: object = {}, log: Log = silent): McpServers => {
    const settings = readSettings({}, { runtime: 'embedded', mcpServers: rows, ...flags });
    servers = mcpServers({ settings, version: '1', log });
    return servers;
  };
  const call = (session: McpSession, tool: string, more: Partial<McpCall> = {}) =>
    session.call({ tool, inputs: {}, effectId: 'e', timeoutMs: 10_000, signal: never, onProgress() {}, ...more });
  const use = (tool: string, more: Partial<McpCall> = {}, server = 'odd') =>
    (servers as McpServers).use(server, never, (session) => call(session, tool, more));
  const said = async (answer: ReturnType<typeof use>) => (await answer).content[0]?.text;

  it('that cannot be started says so', async () => {
    made([{ name: 'odd', command: 'no-such-command-here' }]);
    await assert.rejects(use('pid'), {
      code: 'mcp_unreachable',
      status: 502,
      message: /odd could not be started or reached: ENOENT$/,
    });
  });

  it('that is a word for a shell is no file', async () => {
    made([{ name: 'odd', command: `touch ${folder.path}/x; true` }]);
    await assert.rejects(use('pid'), { code: 'mcp_unreachable' });
  });

  it('that never greets is ended after its time', async () => {
    made([{ ...odd, args: ['-e', 'setInterval(() => {}, 1000)', mark] }], { 'times.mcpStartMs': 400 });
    await assert.rejects(use('pid'), { code: 'mcp_unreachable', message: /timed out/i });
    await until(() => pidsOf(mark).length === 0, 3_000);
  });

  it('is found in PATH, which it is not given', async () => {
    const { name, args, env } = everything(mark);
    const path = process.env.PATH;
    process.env.PATH = `${join(process.execPath, '..')}:${path}`;
    try {
      made([{ name, command: 'node', args, env }]);
      assert.equal(await said(use('get-env', {}, name)), '{}');
    } finally {
      process.env.PATH = path;
    }
  });

  it('is one process for one call after the other, and ends when nobody has used it for its time', async () => {
    made([odd], { 'times.mcpIdleMs': 300 });
    const first = await said(use('pid'));
    assert.equal(await said(use('pid')), first);
    await until(() => pidsOf(mark).length === 0, 3_000);
    assert.notEqual(await said(use('pid')), first);
  });

  it('is replaced when it is killed while nobody uses it', async () => {
    made([odd]);
    const first = Number(await said(use('pid')));
    process.kill(first, 'SIGKILL');
    await until(() => !pidsOf(mark).includes(first));
    await pause(50);
    assert.notEqual(await said(use('pid')), String(first));
  });

  it('goes with the processes that it has started, though it does not heed SIGTERM', async () => {
    const script = `process.argv.push("${mark}"); require("child_process").spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)", "${mark}"], { stdio: "ignore" }); import("${odd.args[0]}")`;
    made([{ ...odd, args: ['-e', script, mark] }]);
    await use('stay');
    assert.equal(pidsOf(mark).length, 2);
    await servers?.close();
    assert.equal(pidsOf(mark).length, 0);
  });

  it('keeps those who come too many waiting, until they give up', async () => {
    made([odd], { 'limits.mcpSessions': 1 });
    const release = Promise.withResolvers<void>();
    const started = Promise.withResolvers<void>();
    const held = servers?.use('odd', never, async () => {
      started.resolve();
      await release.promise;
    });
    await started.promise;
    const abort = new AbortController();
    const late = servers?.use('odd', abort.signal, () => assert.fail('was lent') as never);
    const patient = use('pid');
    abort.abort(new Error('enough'));
    await assert.rejects(late as Promise<unknown>, { message: 'enough' });
    assert.equal(pidsOf(mark).length, 1);
    release.resolve();
    await held;
    assert.match(String(await said(patient)), /^\d+$/);
  });

  it('is cut off in the midst of a call when this closes', async () => {
    made([odd]);
    const calling = use('hang');
    await until(() => pidsOf(mark).length === 1);
    await pause(500);
    const rejected = assert.rejects(calling, { code: 'mcp_disconnected' });
    await servers?.close();
    await rejected;
    assert.equal(pidsOf(mark).length, 0);
    await assert.rejects(use('pid'), { code: 'shutting_down' });
  });

  it('has what it writes on its error output in the log, up to a point', async () => {
    const lines: [unknown, string][] = [];
    const log = {
      ...silent,
      debug: (fields: Record<string, unknown>, message: string) => void lines.push([fields.reason, message]),
    };
    const script = `for (let i = 0; i < 300; i++) console.error("y".repeat(999)); process.argv.push("${mark}"); import("${odd.args[0]}")`;
    made([{ ...odd, args: ['-e', script, mark] }], {}, log);
    await use('pid');
    await until(() => lines.some(([, message]) => message.endsWith('no more is kept:')));
    const logged = lines.reduce((sum, [reason]) => sum + String(reason).length, 0);
    assert.ok(logged > 0 && logged <= 64 * 1024, String(logged));
  });

  for (const [how, wanted] of [
    ['exit', 'process.exit(0)'],
    ['kill', 'process.kill(process.pid, "SIGKILL")'],
  ] as const) {
    it(`does not outlive the process that started it, when that ends by ${how}`, async () => {
      const adapter = join(import.meta.dirname, '../../functions/adapters/mcp.ts');
      const rows = how === 'exit' ? [odd] : [everything(mark)];
      const script = `
        const { mcpServers } = await import(${JSON.stringify(adapter)});
        const { readSettings } = await import(${JSON.stringify(join(import.meta.dirname, '../../functions/core/settings.ts'))});
        const settings = readSettings({}, { runtime: 'embedded', mcpServers: ${JSON.stringify(rows)} });
        const log = { debug() {}, info() {}, warn() {}, error() {} };
        const servers = mcpServers({ settings, version: '1', log });
        await servers.use(${JSON.stringify(rows[0]?.name)}, new AbortController().signal, async (session) => {
          const tools = await session.tools();
          console.log(tools.length);
          ${how === 'exit' ? `await session.call({ tool: 'stay', inputs: {}, effectId: 'e', timeoutMs: 9999, signal: new AbortController().signal, onProgress() {} });` : ''}
          ${wanted};
        });`;
      const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
      const [tools] = await once(child.stdout, 'data');
      assert.ok(Number(String(tools)) > 5);
      await once(child, 'exit');
      await until(() => pidsOf(mark).length === 0, 3_000);
    });
  }

  it('over HTTP that dies in the midst of a call is not waited for, and is found again', async () => {
    const remote = await everythingOverHttp();
    made([remote.row]);
    const calling = use('trigger-long-running-operation', { inputs: { duration: 20, steps: 40 } }, 'remote');
    await pause(1_200);
    const at = Date.now();
    const rejected = assert.rejects(calling, { code: 'mcp_disconnected' });
    await remote.stop();
    await rejected;
    assert.ok(Date.now() - at < 2_000);
    await assert.rejects(use('echo', { inputs: { message: 'a' } }, 'remote'), { code: 'mcp_unreachable' });
    const again = await everythingOverHttp(Number(new URL(remote.url).port));
    assert.equal(await said(use('echo', { inputs: { message: 'b' } }, 'remote')), 'Echo: b');
    await servers?.close();
    await again.stop();
  });

  it('over HTTP that has forgotten the session gets a new one', async () => {
    const remote = await everythingOverHttp();
    made([remote.row]);
    await use('echo', { inputs: { message: 'a' } }, 'remote');
    await remote.stop();
    const again = await everythingOverHttp(Number(new URL(remote.url).port));
    const answers = [await said(use('echo', { inputs: { message: 'b' } }, 'remote')).catch(({ code }) => code)];
    if (answers[0] === 'mcp_disconnected') answers.push(await said(use('echo', { inputs: { message: 'b' } }, 'remote')));
    assert.equal(answers.at(-1), 'Echo: b', answers.join());
    await servers?.close();
    await again.stop();
  });

  it('over HTTP is told that nobody waits any more, and that the session is over', async () => {
    const remote = await everythingOverHttp();
    made([remote.row]);
    const at = Date.now();
    const more = { inputs: { duration: 30, steps: 2 }, timeoutMs: 500 };
    await assert.rejects(use('trigger-long-running-operation', more, 'remote'), { code: 'mcp_timeout', status: 504 });
    assert.ok(Date.now() - at < 3_000);
    assert.equal(await said(use('echo', { inputs: { message: 'b' } }, 'remote')), 'Echo: b');
    await servers?.close();
    await remote.stop();
  });
});
