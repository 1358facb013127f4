import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import { systemClock } from '../../functions/adapters/clock.ts';
import { firestoreDocuments } from '../../functions/adapters/firestore.ts';
import { authenticator, type Scope } from '../../functions/core/authenticate.ts';
import { readSettings } from '../../functions/core/settings.ts';
import { topology } from '../../functions/topology.ts';
import { environmentOf } from '../infra/synthesized.ts';
import { describeWithEmulators } from '../support/emulators.ts';
import { temporaryFolder } from '../support/folder.ts';

const run = promisify(execFile);
const KEY = fileURLToPath(new URL('../../scripts/key.ts', import.meta.url));

describe('npm run key', () => {
  const rows: [args: string[], message: RegExp][] = [
    [[], /Which environment\?/],
    [['--env', 'dev', '--scope', 'dispatch,write'], /--scope: 'write' is none of dispatch, read, admin/],
    [['--env', 'dev', '--days', '0'], /--days: '0' is no whole number/],
    [['--env', 'dev', '--tenant', 'a b'], /--tenant: 'a b' has to be/],
    [['--env', 'dev', '--revoke', 'a/b'], /--revoke: .* the middle part of hg\.<id>\.<secret>/],
    [['--env', 'dev', '--revoke', ''], /--revoke: .* the middle part/],
    // What was typed is not said again: it may be a whole key.
    [['--env', 'dev', '--revoke', 'hg.0123456789abcdef.c2VjcmV0'], /^(?!.*c2VjcmV0).*--revoke: .* the middle part/s],
    [['--env', 'dev', '--settings', 'infra/settings.example.yaml'], /The example cannot be deployed/],
  ];
  for (const [args, message] of rows) {
    it(`refuses ${args.join(' ') || 'no flag'}`, () =>
      assert.rejects(run(process.execPath, [KEY, ...args]), (error: { code: number; stderr: string }) => {
        assert.equal(error.code, 2);
        assert.match(error.stderr, message);
        return true;
      }));
  }
});

describe('npm run key, without a login', () => {
  const folder = temporaryFolder();
  after(() => folder.remove());

  it('says what to run', async () => {
    const settings = join(folder.path, 'settings.yaml');
    writeFileSync(settings, stringify({ environments: { dev: environmentOf() } }));
    const env = { PATH: process.env.PATH, HOME: folder.path, CLOUDSDK_CONFIG: folder.path, METADATA_SERVER_DETECTION: 'none' };
    await assert.rejects(
      run(process.execPath, [KEY, '--env', 'dev', '--settings', settings], { env }),
      (error: { code: number; stderr: string }) => {
        assert.equal(error.code, 2);
        assert.match(
          error.stderr,
          /^\n?There is no Google login on this machine\. Run:\n\n {2}gcloud auth application-default login\n/,
        );
        assert.doesNotMatch(error.stderr, /\n {4}at /);
        return true;
      },
    );
  });
});

describeWithEmulators('npm run key', function () {
  this.timeout(30_000);
  const folder = temporaryFolder();
  const project = `heliograph-${randomBytes(4).toString('hex')}`;
  const settings = join(folder.path, 'settings.yaml');
  let control: ReturnType<typeof firestoreDocuments>;
  before(() => {
    writeFileSync(settings, stringify({ environments: { dev: environmentOf({ project }) } }));
    control = firestoreDocuments({ projectId: project, databaseId: 'control', topology });
  });
  after(async () => {
    await control?.close();
    folder.remove();
  });

  const key = (...flags: string[]) =>
    run(process.execPath, [KEY, '--env', 'dev', '--settings', settings, ...flags], { env: process.env });
  /** As a function of the deployment would, which has not seen it before. */
  const call = (text: string, scope: Scope) => {
    const gate = {
      settings: readSettings({}, { project }),
      control,
      clock: systemClock(),
      tokenKeys: { key: async () => undefined },
      name: 'dispatch',
    };
    return authenticator(gate)({ headers: { 'x-api-key': text }, headersDistinct: {} } as unknown as IncomingMessage, scope);
  };

  it('makes a key that the functions accept, for what it is for, and stores no more than its hash', async () => {
    const { stdout, stderr } = await key('--tenant', 'acme', '--scope', 'dispatch', '--days', '7');
    const [, id, secret] = /^hg\.([0-9a-f]{16})\.([\w-]{43})\n$/.exec(stdout) as unknown as [string, string, string];
    assert.match(stderr, /dispatch of the tenant acme, until \d{4}-\d\d-\d\d/);
    assert.doesNotMatch(stderr, new RegExp(secret));
    assert.deepEqual(await call(stdout.trim(), 'dispatch'), { tenant: 'acme', scopes: ['dispatch'], name: `key ${id}` });
    await assert.rejects(call(stdout.trim(), 'read'), { status: 403 });
    const stored = await control.get('keys', id);
    assert.deepEqual(Object.keys(stored?.data ?? {}).sort(), ['createdAt', 'expiresAt', 'hash', 'scopes', 'tenant']);
    assert.doesNotMatch(JSON.stringify(stored), new RegExp(secret));
    assert.equal(Number(stored?.data.expiresAt) - Number(stored?.data.createdAt), 7 * 86_400_000);
  });

  it('revokes one, and says when there is none of that id', async () => {
    const text = (await key()).stdout.trim();
    const id = text.split('.')[1] as string;
    assert.deepEqual((await call(text, 'read')).scopes, ['dispatch', 'read']);
    assert.match((await key('--revoke', id)).stdout, new RegExp(`The key ${id} is revoked`));
    await assert.rejects(call(text, 'read'), { status: 401 });
    await assert.rejects(key('--revoke', '0'.repeat(16)), (error: { code: number; stderr: string }) => {
      assert.equal(error.code, 2);
      assert.match(error.stderr, /There is no key 0{16}/);
      return true;
    });
  });
});
