import assert from 'node:assert/strict';
import { copyFileSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../functions/adapters/clock.ts';
import { localSecrets } from '../../functions/adapters/local-secrets.ts';
import { fileSecrets } from '../../functions/adapters/secret-file.ts';
import { secretManager } from '../../functions/adapters/secret-manager.ts';
import type { Clock } from '../../functions/core/ports.ts';
import { temporaryFolder } from '../support/folder.ts';
import { type SecretServer, secretServer } from '../support/secret-server.ts';
import { secretsContract } from './secrets.ts';

describe('secrets contract: encrypted files', () => {
  secretsContract(async () => {
    const folder = temporaryFolder();
    return { secrets: fileSecrets({ folder: folder.path }), close: async () => folder.remove() };
  });

  describe('the files', () => {
    let folder: ReturnType<typeof temporaryFolder>;
    beforeEach(() => {
      folder = temporaryFolder();
    });
    afterEach(() => folder.remove());
    const fileOf = (name: string) => join(folder.path, `${name}.json`);

    it('hold no plain text, and are their owner’s alone', async () => {
      await fileSecrets({ folder: folder.path }).write('token', 'very-secret');
      for (const name of readdirSync(folder.path, { recursive: true }).map(String)) {
        const found = statSync(join(folder.path, name));
        if (!found.isFile()) continue;
        assert.equal(found.mode & 0o777, 0o600, name);
        assert.ok(!readFileSync(join(folder.path, name)).includes('very-secret'));
      }
    });

    it('are read by any process with the same key, and by none with another', async () => {
      await fileSecrets({ folder: folder.path, masterKey: 'correct horse' }).write('token', 'value');
      assert.equal(await fileSecrets({ folder: folder.path, masterKey: 'correct horse' }).read('token'), 'value');
      await assert.rejects(fileSecrets({ folder: folder.path, masterKey: 'wrong' }).read('token'), { code: 'secret_unreadable' });
      await assert.rejects(fileSecrets({ folder: folder.path }).read('token'), { code: 'secret_unreadable' });
    });

    it('share the key that was first made', async () => {
      const stores = Array.from({ length: 5 }, () => fileSecrets({ folder: folder.path }));
      await Promise.all(stores.map((store, index) => store.write(`secret-${index}`, String(index))));
      for (const index of stores.keys())
        assert.equal(await fileSecrets({ folder: folder.path }).read(`secret-${index}`), String(index));
    });

    it('are refused when altered, or put in another’s place', async () => {
      const secrets = fileSecrets({ folder: folder.path });
      await secrets.write('token', 'value');
      copyFileSync(fileOf('token'), fileOf('other'));
      await assert.rejects(secrets.read('other'), { code: 'secret_unreadable' });
      const sealed = JSON.parse(readFileSync(fileOf('token'), 'utf8'));
      for (const change of [{ data: 'AAAA' }, { tag: sealed.tag.slice(0, 8) }, { iv: 'AAAAAAAAAAAAAAAA' }]) {
        writeFileSync(fileOf('token'), JSON.stringify({ ...sealed, ...change }));
        await assert.rejects(secrets.read('token'), { code: 'secret_unreadable' });
      }
    });
  });
});

describe('the secrets of a local run', () => {
  const folder = temporaryFolder();
  after(() => folder.remove());
  const open = () => localSecrets({ dataDir: folder.path, masterKey: undefined });

  it('are drawn when they are first read, each for itself, and stay the same', async () => {
    const first = await open().read('signing-key');
    assert.ok(Buffer.from(String(first), 'base64url').length >= 32);
    assert.equal(await open().read('signing-key'), first);
    assert.notEqual(await open().read('webhook-keys'), first);
  });

  it('are none that the topology does not name', async () => assert.equal(await open().read('other'), undefined));
});

describe('secrets contract: Secret Manager', () => {
  const settings = { project: 'heliograph-test', region: 'europe-west1' };
  let server: SecretServer;
  let now: number;
  const clock: Clock = { ...systemClock(), now: () => now };
  const open = () => secretManager({ settings, clock, emulatorHost: server.host });
  beforeEach(async () => {
    server ??= await secretServer();
    now = Date.now();
    server.secrets.clear();
    server.calls.length = 0;
    server.disturb = () => undefined;
  });
  after(() => server.close());

  secretsContract(async () => {
    server ??= await secretServer();
    const secrets = secretManager({ settings, clock: systemClock(), emulatorHost: server.host });
    return { secrets, close: async () => {} };
  });

  it('names them as the stack does, and makes what is not there in the one region', async () => {
    await open().write('token', 'value');
    assert.deepEqual([...server.secrets.keys()], ['heliograph-token']);
    assert.deepEqual(server.secrets.get('heliograph-token')?.replication, {
      userManaged: { replicas: [{ location: 'europe-west1' }] },
    });
    assert.ok(server.calls.every((call) => call.includes('/v1/projects/heliograph-test/secrets')));
  });

  it('reads a secret that the stack has made, and finds none without a version', async () => {
    server.add('heliograph-token', 'first');
    server.secrets.set('heliograph-empty', { etag: 1, annotations: {}, replication: {}, versions: [] });
    assert.equal(await open().read('token'), 'first');
    assert.equal(await open().read('empty'), undefined);
  });

  it('asks once in five minutes, and sees a new version after that', async () => {
    const secrets = open();
    server.add('heliograph-token', 'first');
    for (let time = 0; time < 10; time += 1) assert.equal(await secrets.read('token'), 'first');
    assert.equal(server.calls.length, 1);
    server.add('heliograph-token', 'second');
    now += 299_000;
    assert.equal(await secrets.read('token'), 'first');
    now += 2_000;
    assert.equal(await secrets.read('token'), 'second');
  });

  it('does not remember that there is none', async () => {
    const secrets = open();
    assert.equal(await secrets.read('token'), undefined);
    server.add('heliograph-token', 'first');
    assert.equal(await secrets.read('token'), 'first');
  });

  it('keeps to the last value while Secret Manager is out of reach, and not once it refuses', async () => {
    const secrets = open();
    server.add('heliograph-token', 'first');
    await secrets.read('token');
    server.disturb = () => ({ status: 503 });
    now += 301_000;
    assert.equal(await secrets.read('token'), 'first');
    const calls = server.calls.length;
    assert.equal(await secrets.read('token'), 'first');
    assert.equal(server.calls.length, calls, 'it is not asked again at once');
    server.disturb = () => undefined;
    (server.secrets.get('heliograph-token')?.versions[0] as { state: string }).state = 'DISABLED';
    now += 11_000;
    await assert.rejects(secrets.read('token'), { code: 'secret_disabled', status: 503, message: /heliograph-token/ });
  });

  it('repeats a read that broke off', async () => {
    server.add('heliograph-token', 'first');
    for (const status of [503, 0]) {
      const failing = [{ status }];
      server.disturb = () => failing.pop();
      assert.equal(await open().read('token'), 'first');
    }
  });

  it('says what is wrong, with the name of the secret', async () => {
    server.add('heliograph-token', 'first');
    server.disturb = () => ({ status: 503 });
    await assert.rejects(open().read('token'), { code: 'secrets_unavailable', status: 503 });
    server.disturb = () => ({ status: 403, reason: 'PERMISSION_DENIED' });
    await assert.rejects(open().read('token'), { code: 'secret_denied', status: 503, message: /heliograph-token/ });
  });

  it('leaves what an operator has added as it is, even disabled', async () => {
    server.add('heliograph-token', 'theirs');
    await open().write('token', 'mine', { ifAbsent: true });
    assert.equal(await open().read('token'), 'theirs');
    (server.secrets.get('heliograph-token')?.versions[0] as { state: string }).state = 'DISABLED';
    await assert.rejects(open().write('token', 'mine', { ifAbsent: true }), { code: 'secret_disabled' });
    assert.equal(server.secrets.get('heliograph-token')?.versions.length, 1);
  });

  it('lets one of many processes add the first version, whatever answers are lost', async () => {
    const lost = [{ status: 0, done: true }];
    server.disturb = (call) => (call.startsWith('PATCH') ? lost.pop() : undefined);
    const stores = Array.from({ length: 10 }, open);
    await Promise.all(stores.map((store, index) => store.write('token', `value ${index}`, { ifAbsent: true })));
    assert.equal(server.secrets.get('heliograph-token')?.versions.length, 1);
    const read = await Promise.all(stores.map((store) => store.read('token')));
    assert.equal(new Set(read).size, 1);
  });

  it('does not put a second value beside that of a first writer who is late', async () => {
    const annotations = { 'heliograph-first-writer': 'somebody' };
    server.secrets.set('heliograph-token', { etag: 7, annotations, replication: {}, versions: [] });
    const written = open().write('token', 'mine', { ifAbsent: true });
    const refused = assert.rejects(written, { code: 'secret_pending', status: 503, message: /heliograph-token/ });
    setTimeout(() => {
      now += 11_000;
    }, 300);
    await refused;
    assert.equal(server.secrets.get('heliograph-token')?.versions.length, 0);
    const waiting = open().write('token', 'mine', { ifAbsent: true });
    setTimeout(() => server.add('heliograph-token', 'theirs'), 200);
    await waiting;
    assert.equal(await open().read('token'), 'theirs');
  });
});
