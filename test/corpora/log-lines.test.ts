import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { Pool } from 'undici';
import { temporaryFolder, until } from '../support/folder.ts';
import { httpListener } from '../support/http-listener.ts';
import { naughtyStrings } from './naughty-strings.ts';
import { each } from './quiet-stack.ts';

const START = join(import.meta.dirname, '../../scripts/start.ts');
const READY = 'Ctrl-C';

describe('what is written to the log', function () {
  this.timeout(60_000);

  it('is one JSON object a line, whatever the requests say', async () => {
    const folder = temporaryFolder();
    const flags = ['--port', '0', '--data-dir', folder.path];
    const agent = await httpListener(({ body }) => {
      const { payload } = JSON.parse(body) as { payload: { text: string } };
      // A 503 would open the agent's circuit, and most of the texts never be asked.
      return { status: 429, body: { detail: payload.text }, headers: { 'content-type': 'application/problem+json' } };
    });
    const agents = JSON.stringify([{ name: 'remote', endpoint: agent.url, priceCents: 1 }]);
    const env = {
      ORCHESTRATOR_AGENTS: agents,
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      ORCHESTRATOR_LOG_LEVEL: 'debug',
      NO_COLOR: '1',
    };
    const child = spawn(process.execPath, [START, ...flags], { env });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (chunk) => (text += chunk));
    const ended = new Promise((resolve) => child.once('close', resolve));
    try {
      await until(() => text.includes(READY), 50_000);
      const url = /ready at (http:\/\/127\.0\.0\.1:\d+)/.exec(text)?.[1] ?? '';
      const from = text.indexOf('\n', text.indexOf(READY)) + 1;
      const answered = await askAll(url);
      child.kill('SIGTERM');
      assert.equal(await ended, 0);
      const lines = text
        .slice(from)
        .split('\n')
        .filter((line) => line.trim() !== '');
      const entries = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
      const reasons = entries.map(({ reason }) => String(reason));
      for (const text of naughtyStrings) {
        assert.ok(reasons.includes(`Agent remote answered 429: ${text.slice(0, 1_000)}`), JSON.stringify(text));
      }
      for (const entry of entries) {
        assert.ok(typeof entry === 'object' && entry !== null, JSON.stringify(entry));
        assert.ok(
          ['DEBUG', 'INFO', 'WARNING'].includes(String(entry.severity)) || entry.service === 'emulator-bridge',
          JSON.stringify(entry),
        );
      }
      assert.deepEqual(
        answered.filter((status) => status >= 500 && status !== 503),
        [],
      );
    } finally {
      child.kill('SIGKILL');
      await ended;
      await agent.close();
      folder.remove();
    }
  });
});

/** Each text wherever it may get to a line of the log: a path, an id, and for certain the reason of an agent that fails. */
async function askAll(url: string): Promise<number[]> {
  const pool = new Pool(url, { connections: 8 });
  const statuses: number[] = [];
  const ask = async (method: 'GET' | 'POST', path: string, given?: unknown) => {
    const headers = { 'content-type': 'application/json' };
    const reply = await pool.request({ method, path, headers, body: given === undefined ? null : JSON.stringify(given) });
    await reply.body.dump();
    statuses.push(reply.statusCode);
  };
  await each(naughtyStrings, async (text) => {
    await ask('GET', `/task/${encodeURIComponent(text.toWellFormed())}`);
    await ask('POST', '/run', { taskId: text, payload: {} });
    await ask('POST', '/run', { agent: 'remote', payload: { text }, maxAttempts: 1 });
  });
  await pool.destroy();
  return statuses;
}
