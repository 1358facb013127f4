import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { functionParts } from '../../functions/adapters/remote-parts.ts';
import { readSettings } from '../../functions/core/settings.ts';
import { temporaryFolder } from '../support/folder.ts';

describe('the parts of a function in a process of its own', () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let outside: string | undefined;
  beforeEach(() => {
    folder = temporaryFolder();
    outside = process.env.STORAGE_EMULATOR_HOST;
    delete process.env.STORAGE_EMULATOR_HOST;
  });
  afterEach(() => {
    if (outside !== undefined) process.env.STORAGE_EMULATOR_HOST = outside;
    folder.remove();
  });
  const partsOf = (name: string) => functionParts(name, readSettings({}, { runtime: 'emulators', dataDir: folder.path }));

  it('keep no objects anywhere, least of all at Google, where the emulators have no storage server', async () => {
    const { objects } = partsOf('dispatch').parts;
    const refused = { code: 'objects_unavailable', message: /STORAGE_EMULATOR_HOST/ };
    await assert.rejects(objects.put('payloads', 'a', Buffer.from('a')), refused);
    await assert.rejects(objects.get('payloads', 'a'), refused);
    await assert.rejects(objects.delete('payloads', 'a'), refused);
  });

  it('sign once they are ready, and not before', async () => {
    const { parts, ready } = partsOf('results');
    assert.throws(() => parts.signing.message('a'), { code: 'not_ready' });
    await ready();
    const signature = parts.signing.message('a');
    const another = partsOf('dispatch');
    await another.ready();
    assert.ok(another.parts.signing.messageValid('a', signature), 'by one key');
  });

  it('make no secret for a function that has no role for one', async () => {
    const { parts, ready } = partsOf('codex');
    await ready();
    assert.deepEqual(readdirSync(folder.path), []);
    assert.throws(() => parts.signing.message('a'), { code: 'not_ready' });
    await assert.rejects(parts.secrets.read('signing-key'), { code: 'not_granted' });
  });

  it('are of no function but the topology’s', () => {
    assert.throws(() => partsOf('nobody'), TypeError);
  });
});
