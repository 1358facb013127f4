import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startEmbedded } from '../../emulator-bridge/embedded.ts';
import type { LocalStack } from '../../emulator-bridge/local-stack.ts';
import { readSettings } from '../../functions/core/settings.ts';
import type { Deployment } from '../../scripts/deploy/environment.ts';
import { callerOf } from '../../scripts/smoke/calls.ts';
import { smokeDeployed } from '../../scripts/smoke/deployed.ts';
import { type Checked, smoke } from '../../scripts/smoke/smoke.ts';
import { pushesBehind } from '../../scripts/smoke/targets.ts';
import { quiet, receiver } from '../emulator-bridge/kit.ts';
import { describeWithEmulators } from '../support/emulators.ts';
import { temporaryFolder } from '../support/folder.ts';
import { httpListener, type Received } from '../support/http-listener.ts';
import { emulatedStack } from '../support/stack-emulated.ts';

const run = promisify(execFile);
const SMOKE = fileURLToPath(new URL('../../scripts/smoke.ts', import.meta.url));

interface Answered {
  readonly method: string;
  readonly path: string;
  readonly headers: NodeJS.Dict<string | string[]>;
  status: number;
  body: Record<string, unknown>;
}

describe('the smoke test', function () {
  this.timeout(60_000);
  const data = temporaryFolder();
  let stack: LocalStack;
  before(async () => {
    const settings = readSettings({}, { runtime: 'embedded', auth: 'required', dataDir: data.path, port: 0, logLevel: 'silent' });
    stack = await startEmbedded({ settings, log: quiet });
  });
  after(async () => {
    await stack?.stop();
    data.remove();
  });

  const smokeAt = (url: string, key: string | undefined = stack.key, patienceMs = 0) => {
    const pushes = pushesBehind(url, stack.settings);
    return smoke({ url, health: '/healthz', credentials: { key }, pushes, patienceMs, longTaskMs: 900 }, () => {});
  };
  const failures = (checks: readonly Checked[]) => checks.filter(({ ok }) => !ok).map(({ name, detail }) => `${name}: ${detail}`);

  it('passes on a Heliograph that works: a task of 15 s through waits of 8 s, run once', async () => {
    const { stdout } = await run(process.execPath, [SMOKE, '--url', stack.url], {
      env: { ...process.env, ORCHESTRATOR_API_KEY: stack.key },
    });
    const lines = stdout.trimEnd().split('\n');
    assert.equal(lines.length, 6, stdout);
    for (const line of lines) assert.match(line, / ok +\d+\.\d s {2}\S/);
    assert.match(stdout, /^a long task.* ok +1[56]\.\d s {2}succeeded, one run, seen after 2 waits of 8 s$/m);
    assert.match(stdout, /^refuses forged pushes.*agent-light, results$/m);
  });

  const flags: [args: string[], message: RegExp][] = [
    [[], /Either --env or --url is needed/],
    [['--env', 'dev', '--url', 'http://127.0.0.1'], /Either --env or --url is needed/],
    [['--url', 'ftp://127.0.0.1'], /--url ftp:.* is no http address/],
    [['--url', 'http://127.0.0.1:1'], /It needs an API key/],
    [['--fast'], /Unknown option '--fast'/],
  ];
  for (const [args, message] of flags) {
    it(`exits with 2 for ${args.join(' ') || 'no flag'}`, async () => {
      const env = { ...process.env, ORCHESTRATOR_API_KEY: '' };
      await assert.rejects(run(process.execPath, [SMOKE, ...args], { env }), (error: { code: number; stderr: string }) => {
        assert.equal(error.code, 2);
        assert.match(error.stderr, message);
        return true;
      });
    });
  }

  it('exits with 1 where nothing answers, and says where', async () => {
    const args = [SMOKE, '--url', 'http://127.0.0.1:1', '--key', 'hg.x'];
    await assert.rejects(run(process.execPath, args), (error: { code: number; stdout: string; stderr: string }) => {
      assert.equal(error.code, 1);
      assert.match(error.stdout, /^answers +FAILED .*http:\/\/127\.0\.0\.1:1 does not answer/m);
      assert.match(error.stderr, /6 of 6 checks failed/);
      return true;
    });
  });

  it('fails with a key that is not good', async () => {
    const failed = failures(await smokeAt(stack.url, `hg.${'0'.repeat(16)}.${'A'.repeat(43)}`));
    assert.equal(failed.length, 3);
    assert.match(failed.join('\n'), /a task in http mode: It was answered with 401 unauthenticated/);
  });

  /** One thing that the server in between does wrong, and the one check that has to see it. */
  const lies: [what: string, lie: (answered: Answered) => void, seen: RegExp][] = [
    ['is not well', ({ path, body }) => path === '/healthz' && Object.assign(body, { status: 'starting' }), /^answers: .*200/],
    [
      'takes tasks from nobody',
      (it) => it.path === '/dispatch' && it.headers['x-api-key'] === undefined && Object.assign(it, { status: 202 }),
      /^refuses callers without credentials: A task of nobody was answered with 202/,
    ],
    [
      'takes any key',
      (it) => it.path === '/dispatch' && it.status === 401 && it.headers['x-api-key'] && Object.assign(it, { status: 200 }),
      /^refuses callers without credentials: A task of a key that nobody made was answered with 200/,
    ],
    [
      'hands an http task over',
      (it) => it.path === '/dispatch' && it.body.mode === 'http' && Object.assign(it, { status: 202 }),
      /^a task in http mode: It was answered with 202/,
    ],
    [
      'answers with a foreign result',
      ({ body }) => body.mode === 'http' && Object.assign(body, { result: { echo: {} } }),
      /^a task in http mode: The task \S+ has the result \{"echo":\{\}\}/,
    ],
    [
      'fails what came by push',
      ({ body }) =>
        body.mode === 'pubsub' && body.agent === 'light' && body.status === 'succeeded' && Object.assign(body, { status: 'dead' }),
      /^a task in pubsub mode, by a real push: The task \S+ ended as dead/,
    ],
    [
      'runs the long task twice',
      ({ body }) => body.agent === 'codex' && Array.isArray(body.timeline) && body.timeline.push({ event: 'running' }),
      /^a long task, through a shorter wait: The task \S+ ran 2 times, in 1 attempts/,
    ],
    [
      'counts two attempts of the long task',
      ({ body }) => body.agent === 'codex' && Object.assign(body, { attempts: 2 }),
      /^a long task, through a shorter wait: The task \S+ ran 1 times, in 2 attempts/,
    ],
    [
      'takes forged pushes',
      (it) => it.path === '/pubsub/results' && Object.assign(it, { status: 204 }),
      /^refuses forged pushes: results\/pubsub\/results answered 204 to a push with no token/,
    ],
    [
      'takes a token whose signature is gone',
      (it) => String(it.headers.authorization).endsWith('.SIGNATURE_REMOVED_BY_GOOGLE') && Object.assign(it, { status: 200 }),
      /^refuses forged pushes: agent-light\/pubsub\/push answered 200 to a push with a token whose signature was removed/,
    ],
    [
      'does not know the push endpoint',
      (it) => it.path === '/pubsub/push' && Object.assign(it, { status: 404 }),
      /^refuses forged pushes: agent-light\/pubsub\/push answered 404/,
    ],
  ];
  for (const [what, lie, seen] of lies) {
    it(`fails on one that ${what}`, async () => {
      const liar = await between(stack.url, lie);
      try {
        const failed = failures(await smokeAt(liar.url));
        assert.equal(failed.length, 1, failed.join('\n'));
        assert.match(failed[0] as string, seen);
      } finally {
        await liar.close();
      }
    });
  }

  it('fails on one whose wait gives up at once', async () => {
    const hasty = await between(
      stack.url,
      () => {},
      (path) => path.replace(/\?waitSeconds=.*/, '?waitSeconds=0'),
    );
    try {
      assert.match(failures(await smokeAt(hasty.url)).join(), /^a long task.*A wait of 0\.48 s gave up after 0\.0 s/);
    } finally {
      await hasty.close();
    }
  });

  it('is patient with a new deployment: what fails at first is tried again', async () => {
    let early = 2;
    const late = await between(stack.url, (it) => it.path === '/healthz' && early-- > 0 && Object.assign(it, { status: 503 }));
    try {
      assert.deepEqual(failures(await smokeAt(late.url, stack.key, 10_000)), []);
      assert.equal(early, -1);
    } finally {
      await late.close();
    }
  });
});

describe('the smoke test of functions that are not public', () => {
  const bare = temporaryFolder();
  after(() => bare.remove());

  it('shows Cloud Run an ID token, and the function the key', async () => {
    const seen = await httpListener();
    try {
      await callerOf(seen.url, { key: 'hg.key', identityToken: 'an.id.token' })('GET', '/');
      const { headers } = seen.received[0] as Received;
      assert.equal(headers['x-serverless-authorization'], 'Bearer an.id.token');
      assert.equal(headers['x-api-key'], 'hg.key');
      assert.equal(headers.authorization, undefined);
    } finally {
      await seen.close();
    }
  });

  it('says what to run where no such token can be had', async () => {
    const script = `
      import { ownIdentityToken } from ${JSON.stringify(new URL('../../scripts/deploy/identity-token.ts', import.meta.url).href)};
      await ownIdentityToken('https://heliograph-dispatch-1.europe-west1.run.app').catch(({ code, message }) => console.log(code, message));
    `;
    const env = { PATH: process.env.PATH, HOME: bare.path, CLOUDSDK_CONFIG: bare.path, METADATA_SERVER_DETECTION: 'none' };
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], { env });
    assert.match(stdout, /^no_login https:\/\/heliograph-dispatch-1.* is not public.*\n {2}gcloud auth login /s);
  });
});

describeWithEmulators('the smoke test of a deployment', function () {
  this.timeout(90_000);

  it('goes to each function’s own address, under a key that it makes and removes', async () => {
    const stack = await emulatedStack({ auth: 'required' });
    const release = new AsyncDisposableStack();
    try {
      const { settings } = stack;
      // As in the cloud, but for the addresses.
      const naming = { ...settings, functionUrls: stack.local.functionUrls };
      const deployment = { name: 'dev', naming, settings: { project: settings.project, publicFunctions: ['dispatch'] } };
      const keys = async () =>
        (await stack.control.query('keys', { equal: {}, orderBy: { field: 'createdAt', direction: 'asc' }, limit: 10 })).documents;
      const before = (await keys()).length;
      await smokeDeployed(deployment as unknown as Deployment, release);
      assert.equal((await keys()).length, before + 1);
      await release.disposeAsync();
      assert.equal((await keys()).length, before);
    } finally {
      await release.disposeAsync();
      await stack.stop();
    }
  });
});

/** A server in front of another that changes what it answers, and before that perhaps the path that is asked for. */
function between(url: string, lie: (answered: Answered) => unknown, ask = (path: string) => path) {
  return receiver(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { method = 'GET', url: path = '/', headers } = request;
    const passed = Object.fromEntries(
      Object.entries(headers).filter(([name]) => ['x-api-key', 'authorization', 'content-type'].includes(name)),
    ) as Record<string, string>;
    const reply = await fetch(url + ask(path), {
      method,
      headers: passed,
      body: method === 'POST' ? Buffer.concat(chunks) : undefined,
    });
    const text = await reply.text();
    const body = text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : {};
    const answered: Answered = { method, path: path.split('?', 1)[0] as string, headers, status: reply.status, body };
    lie(answered);
    response
      .writeHead(answered.status, { 'content-type': 'application/json' })
      .end(answered.status === 204 ? '' : JSON.stringify(body));
  });
}
