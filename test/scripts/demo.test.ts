import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startEmbedded } from '../../emulator-bridge/embedded.ts';
import type { LocalStack } from '../../emulator-bridge/local-stack.ts';
import { readSettings } from '../../functions/core/settings.ts';
import { batch } from '../../scripts/demo/batch.ts';
import { quiet, receiver } from '../emulator-bridge/kit.ts';
import { temporaryFolder } from '../support/folder.ts';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

describe('the demo', function () {
  this.timeout(90_000);
  const folder = temporaryFolder();
  after(() => folder.remove());

  /** Nothing listens on port 1, so it starts its own. */
  const run = (environment: Record<string, string> = { ORCHESTRATOR_PORT: '1' }, args: string[] = []) => {
    const outside = Object.entries(process.env).filter(([name]) => !name.startsWith('ORCHESTRATOR_') && !name.startsWith('AGENT_'));
    const env = { ...Object.fromEntries(outside), TMPDIR: folder.path, ...environment };
    return output(spawn(process.execPath, ['scripts/demo.ts', ...args], { cwd: ROOT, env }));
  };

  it('starts a Heliograph, sends the whole batch through it, and leaves nothing behind', async () => {
    const { code, text } = await run().ended;
    assert.equal(code, 0, text);
    const kinds = batch({ run: 'x', callbackUrl: 'http://localhost/', canPublish: true, priced: true });
    for (const { name } of kinds) assert.match(text, new RegExp(`^${name.replace(/[()]/g, '\\$&')} .* ok$`, 'm'));
    assert.match(text, /^57 of 57 tasks ended$/m);
    assert.match(text, /^Cost: 275 cents for 55 runs at 5 cents each \(its setting\): it adds up\.$/m);
    assert.match(text, /^one key, 3 times +1 +succeeded, 2 replayed/m);
    assert.match(text, /^fails each of 2 times +1 +dead attempts_exhausted +dead attempts_exhausted +2 +10 /m);
    assert.match(text, /^no budget for a run +1 +failed budget_exceeded +failed budget_exceeded +0 +0 /m);
    assert.match(text, /^GET \/task-status +backed_up, running, succeeded +backed_up, running, succeeded +ok$/m);
    assert.match(text, /^the file, before +Sun on the mirror\. .* ok$/m);
    assert.match(text, /^the file, after the task +SUN ON THE MIRROR\. and 1 more .* ok$/m);
    assert.match(text, /^the file, after the rollback +Sun on the mirror\. +Sun on the mirror\. +ok$/m);
    assert.match(text, /Every outcome is the expected one\.\n$/);
    assert.deepEqual(readdirSync(folder.path), []);
  });

  for (const [when, line] of [
    ['during the start', ''],
    ['in the middle of the batch', 'Dispatching to'],
  ] as const) {
    it(`stops cleanly on ctrl-C ${when}`, async () => {
      const { child, saw, ended } = run();
      if (line === '') await new Promise((later) => setTimeout(later, 400));
      else await saw(line);
      child.kill('SIGINT');
      const { code, text, errors } = await ended;
      // Before its first statement has run, a signal ends it as it ends any process.
      assert.ok(code === 130 || (line === '' && code === null), `${code}: ${text} ${errors}`);
      assert.doesNotMatch(text, /Every outcome/);
      assert.deepEqual(readdirSync(folder.path), []);
    });
  }

  it('says what is missing, and exits with 2', async () => {
    const gone = await run({ ORCHESTRATOR_URL: 'http://127.0.0.1:1' }).ended;
    assert.equal(gone.code, 2);
    assert.match(gone.errors, /No healthy Heliograph answers at ORCHESTRATOR_URL/);
    const flag = await run({}, ['--fast']).ended;
    assert.equal(flag.code, 2);
    assert.match(flag.errors, /Unknown option '--fast'/);
  });

  describe('on a Heliograph that runs already', () => {
    const data = temporaryFolder();
    let stack: LocalStack;
    before(async () => {
      const quick = {
        'times.retryMinimumMs': 200,
        'times.backoffMinimumMs': 200,
        'times.backoffMaximumMs': 500,
        agentCostPerRunCents: 2,
      };
      const settings = readSettings(
        {},
        { ...quick, runtime: 'embedded', auth: 'required', dataDir: data.path, port: 0, logLevel: 'silent' },
      );
      stack = await startEmbedded({ settings, log: quiet });
    });
    after(async () => {
      await stack?.stop();
      data.remove();
    });

    it('asks for the key that it requires', async () => {
      const { code, errors } = await run({ ORCHESTRATOR_URL: stack.url }).ended;
      assert.equal(code, 2);
      assert.match(errors, /ORCHESTRATOR_API_KEY/);
    });

    it('uses it, with its price', async () => {
      const { code, text } = await run({ ORCHESTRATOR_URL: stack.url, ORCHESTRATOR_API_KEY: stack.key as string }).ended;
      assert.equal(code, 0, text);
      assert.match(text, /^Dispatching to the running Heliograph \d/m);
      assert.match(text, /^Cost: 108 cents for 54 runs at 2 cents each/m);
    });

    it('exits with 1 and names the task when that server answers wrongly', async () => {
      let wrong = '';
      // In between, one expired task is shown as if it had been charged.
      const liar = await receiver(async (request, response) => {
        const chunks: Buffer[] = [];
        for await (const chunk of request) chunks.push(chunk as Buffer);
        const headers = { 'content-type': 'application/json', 'x-api-key': stack.key as string };
        const body = request.method === 'POST' ? Buffer.concat(chunks) : undefined;
        const reply = await fetch(stack.url + request.url, { method: request.method, headers, body });
        const told = (await reply.json()) as { id?: string; status?: string; attempts?: number; costCents?: number };
        if (request.url?.startsWith('/task/') && told.status === 'expired' && told.attempts === 0) {
          wrong = told.id ?? '';
          told.costCents = 2;
        }
        const replayed = reply.headers.get('idempotent-replayed');
        response.writeHead(reply.status, replayed ? { 'idempotent-replayed': replayed } : {}).end(JSON.stringify(told));
      });
      try {
        const { code, text } = await run({ ORCHESTRATOR_URL: liar.url }).ended;
        assert.equal(code, 1, text);
        assert.match(text, /^expires while queued .* WRONG$/m);
        assert.match(text, new RegExp(`expires while queued: task ${wrong}: cost in cents is 2, expected 0$`, 'm'));
        assert.match(text, /The costs add up to 110 cents; 54 runs at 2 cents make 108\.$/m);
      } finally {
        await liar.close();
      }
    });
  });
});

/** What a child writes and how it ends; `saw` resolves when its output contains a text. */
function output(child: ChildProcess) {
  let text = '';
  let errors = '';
  let look = (): void => {};
  child.stdout?.on('data', (chunk) => {
    text += chunk;
    look();
  });
  child.stderr?.on('data', (chunk) => {
    errors += chunk;
  });
  return {
    child,
    saw: (part: string) =>
      new Promise<void>((found) => {
        look = () => {
          if (text.includes(part)) found();
        };
        look();
      }),
    ended: new Promise<{ code: number | null; text: string; errors: string }>((end) => {
      child.on('close', (code) => end({ code, text, errors }));
    }),
  };
}
