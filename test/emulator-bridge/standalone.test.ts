import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PubSub } from '@google-cloud/pubsub';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { type Emulators, startEmulators } from '../../emulator-bridge/emulators.ts';
import { findEmulators } from '../../emulator-bridge/find-emulators.ts';
import { until } from '../support/folder.ts';
import { answering, quiet, type Receiver } from './kit.ts';

const MAIN = join(dirname(fileURLToPath(import.meta.url)), '../../emulator-bridge/main.ts');

describe('bridge alone', function () {
  this.timeout(20_000);
  let folder: string;
  let emulators: Emulators;
  let bridge: ChildProcess | undefined;
  const seen: { path: string; authorization: string; body: { subscription: string; message: { data: string } } }[] = [];
  let services: Receiver;

  before(async function () {
    const sources = await findEmulators().catch(() => undefined);
    if (sources?.pubsub.kind !== 'java') return this.skip();
    // Firestore is not needed here; whoever answers will do.
    services = await answering((body, { url = '', headers }) => {
      if (url !== '/') seen.push({ path: url, authorization: headers.authorization ?? '', body: JSON.parse(body) });
      return 200;
    });
    emulators = await startEmulators({
      log: quiet,
      sources: { ...sources, firestore: { kind: 'running', host: new URL(services.url).host } },
    });
    folder = await mkdtemp(join(tmpdir(), 'heliograph-bridge-'));
  });
  after(async () => {
    bridge?.kill('SIGKILL');
    await emulators?.stop();
    await services?.close();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  it('carries tasks to the agent and results to the orchestrator, with tokens, and ends at ctrl-C', async () => {
    const agent = `${services.url}/pubsub/push`;
    bridge = spawn(process.execPath, [MAIN], {
      env: {
        PATH: process.env.PATH,
        PUBSUB_EMULATOR_HOST: emulators.pubsubHost,
        GCP_PROJECT: 'zantara-dev',
        AGENT_PUSH_URL: agent,
        ORCH_RESULTS_URL: `${services.url}/pubsub/results`,
        ORCHESTRATOR_DATA_DIR: folder,
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let printed = '';
    bridge.stdout?.on('data', (text) => {
      printed += text;
    });
    await until(() => printed.includes('RESULTS_PUBSUB_AUDIENCE='), 10_000);
    const value = (name: string) => new RegExp(`${name}=(.*)`).exec(printed)?.[1] as string;
    assert.equal(value(' PUBSUB_AUDIENCE'), agent);
    assert.match(printed, /sub-codex is not bridged/);

    process.env.METADATA_SERVER_DETECTION ??= 'none';
    const pubsub = new PubSub({ projectId: 'zantara-dev', apiEndpoint: emulators.pubsubHost, emulatorMode: true });
    await pubsub.topic('tasks').publishMessage({ json: { n: 1 }, attributes: { agent: 'light', traceId: 't' } });
    await pubsub.topic('results').publishMessage({ json: { n: 2 } });
    await until(() => seen.length >= 2, 10_000);
    await pubsub.close();
    const task = seen.find(({ path }) => path === '/pubsub/push');
    const result = seen.find(({ path }) => path === '/pubsub/results');
    assert.equal(task?.body.subscription, 'projects/zantara-dev/subscriptions/sub-light');
    assert.equal(Buffer.from(task?.body.message.data ?? '', 'base64').toString(), '{"n":1}');
    assert.equal(result?.body.subscription, 'projects/zantara-dev/subscriptions/sub-results');
    const { payload } = await jwtVerify(
      task?.authorization.slice(7) ?? '',
      createRemoteJWKSet(new URL(value('ORCHESTRATOR_OIDC_JWKS_URL'))),
      { audience: agent, issuer: value('ORCHESTRATOR_OIDC_ISSUER') },
    );
    assert.equal(payload.email, 'heliograph-push@zantara-dev.iam.gserviceaccount.com');

    const ended = new Promise((resolve) => bridge?.once('exit', (code, signal) => resolve(code ?? signal)));
    bridge.kill('SIGINT');
    assert.equal(await ended, 0);
  });
});

describe('bridge alone, given nothing useful', () => {
  const rows: [string, string[], Record<string, string>, number, RegExp][] = [
    ['no emulator', [], {}, 2, /PUBSUB_EMULATOR_HOST/],
    [
      'an address that is none',
      [],
      { PUBSUB_EMULATOR_HOST: 'localhost:1', AGENT_PUSH_URL: 'nowhere' },
      2,
      /AGENT_PUSH_URL: 'nowhere'/,
    ],
    ['an unknown argument', ['--fast'], {}, 2, /Unknown argument '--fast'/],
    ['a call for help', ['--help'], {}, 0, /Usage/],
  ];
  for (const [name, args, environment, code, message] of rows) {
    it(`answers ${name} with exit ${code}`, async () => {
      const child = spawn(process.execPath, [MAIN, ...args], { env: { PATH: process.env.PATH, ...environment } });
      let text = '';
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += chunk));
      assert.equal(await new Promise((resolve) => child.once('close', resolve)), code);
      assert.match(text, message);
    });
  }
});
