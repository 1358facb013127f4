import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Storage } from '@google-cloud/storage';
import { bucketName } from '../../functions/core/addresses.ts';
import { describeWithEmulators } from '../support/emulators.ts';
import { temporaryFolder } from '../support/folder.ts';
import { type EmulatedTestStack, emulatedStack } from '../support/stack-emulated.ts';

describeWithEmulators('storage server in the emulator runtime', function () {
  this.timeout(90_000);
  let folder: ReturnType<typeof temporaryFolder>;
  let stack: EmulatedTestStack;
  before(() => {
    folder = temporaryFolder();
  });
  after(() => folder.remove());
  afterEach(() => stack.stop());

  const project = 'heliograph-objects';
  const url = () => process.env.STORAGE_EMULATOR_HOST as string;
  const bucket = (name: string) => new Storage({ projectId: project, apiEndpoint: url() }).bucket(bucketName({ project }, name));
  const digest = () => stack.run({ payload: { handler: 'text.digest', url: 'gs://uploads/default/notes.txt' } });

  it('takes large payloads, gives an agent what was uploaded, and says where it is', async () => {
    stack = await emulatedStack({ dataDir: folder.path, project });
    assert.ok(stack.local.notes.some((note) => note.startsWith(url()) && note.includes(`${project}-heliograph-uploads`)));
    const payload = { text: 'x'.repeat(300_000) };
    assert.equal((await stack.run({ payload })).status, 'succeeded');
    const [stored] = await bucket('payloads').getFiles();
    const contents = await Promise.all(stored.map(async (file) => String((await file.download())[0])));
    assert.ok(contents.some((text) => text.includes(payload.text)));

    assert.equal((await digest()).error?.code, 'document_not_found');
    await bucket('uploads').file('default/notes.txt').save('a b c');
    const { status, result } = await digest();
    assert.equal(status, 'succeeded');
    assert.equal(result?.sha256, createHash('sha256').update('a b c').digest('hex'));
  });

  it('has them still after a stop and a start, while the folder of the other runtime stays empty', async () => {
    stack = await emulatedStack({ dataDir: folder.path, project });
    assert.equal((await digest()).status, 'succeeded');
    assert.equal(existsSync(join(folder.path, 'objects')), false);
  });

  it('keeps a second start off the same folder', async () => {
    stack = await emulatedStack({ dataDir: folder.path, project });
    await assert.rejects(emulatedStack({ dataDir: folder.path, project }), { code: 'data_in_use' });
  });
});
