import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { bundleFunction } from '../../scripts/bundle/bundle-function.ts';
import { startBundle, unpack } from '../infra/bundles.ts';
import { temporaryFolder } from '../support/folder.ts';
import { type SecretServer, secretServer } from '../support/secret-server.ts';
import type { Refusal } from '../support/stack.ts';

describe('a deployed function and its secrets', function () {
  this.timeout(60_000);
  let secrets: SecretServer;
  let folder: ReturnType<typeof temporaryFolder>;
  let child: ChildProcess | undefined;
  let output: string;

  beforeEach(async () => {
    secrets = await secretServer();
    folder = temporaryFolder();
  });
  afterEach(async () => {
    if (child !== undefined) {
      child.kill('SIGKILL');
      await once(child, 'exit');
      child = undefined;
    }
    await secrets.close();
    folder.remove();
  });

  async function started(name: string): Promise<string> {
    unpack(await bundleFunction(name), folder.path);
    const environment = { ORCHESTRATOR_RUNTIME: 'cloud', SECRET_MANAGER_EMULATOR_HOST: secrets.host };
    const running = await startBundle(folder.path, ['index.mjs'], environment);
    child = running.child;
    output = '';
    child.stdout?.on('data', (chunk) => {
      output += chunk;
    });
    return running.url;
  }

  async function refusal(url: string, method: string): Promise<Refusal> {
    return (await (await fetch(url, { method })).json()) as Refusal;
  }

  it('says which one is missing and what to run, lives meanwhile, and goes on by itself once it is there', async () => {
    const url = await started('dispatch');
    assert.deepEqual(secrets.calls, []);
    for (let time = 0; time < 2; time += 1) {
      const { status, code, detail } = await refusal(`${url}/tasks`, 'GET');
      assert.deepEqual([status, code], [503, 'secret_missing']);
      assert.match(detail, /signing-key .*gcloud secrets versions add heliograph-signing-key --data-file=-/);
      assert.equal((await fetch(`${url}/healthz`)).status, 200);
    }
    const [line] = output.split('\n').filter((text) => text.includes('secret_missing'));
    assert.equal(JSON.parse(String(line)).severity, 'WARNING', 'its log tells, too');
    secrets.add('heliograph-signing-key', 'a value');
    assert.equal((await refusal(`${url}/tasks`, 'GET')).code, 'unauthenticated');
    const { length } = secrets.calls;
    assert.equal((await refusal(`${url}/tasks`, 'GET')).code, 'unauthenticated');
    assert.equal(secrets.calls.length, length, 'the key is read once');
  });

  it('says that it is disabled, or not for this account', async () => {
    secrets.add('heliograph-signing-key', 'a value');
    const url = await started('results');
    (secrets.secrets.get('heliograph-signing-key')?.versions[0] as { state: string }).state = 'DISABLED';
    assert.equal((await refusal(`${url}/pubsub/results`, 'POST')).code, 'secret_disabled');
    secrets.disturb = () => ({ status: 403, reason: 'PERMISSION_DENIED' });
    assert.equal((await refusal(`${url}/pubsub/results`, 'POST')).code, 'secret_denied');
  });

  it('tells its log why the store did not answer, and its caller not', async () => {
    secrets.disturb = () => ({ status: 500, reason: 'INTERNAL' });
    const url = await started('results');
    const { code, detail } = await refusal(`${url}/pubsub/results`, 'POST');
    assert.deepEqual([code, detail], ['secrets_unavailable', 'Secret Manager did not answer as it should.']);
    const [line] = output.split('\n').filter((text) => text.includes('secrets_unavailable'));
    assert.match(JSON.parse(String(line)).err.message, /Disturbed/);
  });

  it('asks for none without a role for it', async () => {
    const url = await started('codex');
    const { status, code } = await refusal(`${url}/pubsub/push`, 'POST');
    assert.deepEqual([status, code, secrets.calls], [401, 'unauthenticated', []]);
  });
});
