import assert from 'node:assert/strict';
import { text } from 'node:stream/consumers';
import { openContents } from '../../emulator-bridge/storage/contents.ts';
import { newHashes } from '../../emulator-bridge/storage/hashes.ts';
import { temporaryFolder } from '../support/folder.ts';

describe('storage server: contents', () => {
  const folder = temporaryFolder();
  after(() => folder.remove());

  it('end with what was written last: what a crash left behind that is gone', async () => {
    const contents = await openContents(folder.path);
    const append = (bytes: string, from: number) => contents.append('1', source(bytes), { from, hashes: newHashes() });
    assert.equal(await append('0123456789', 0), 10);
    assert.equal(await append('ab', 3), 5);
    assert.equal(await text(contents.read('1')), '012ab');
  });

  it('tell how much is on disk also when their source breaks off', async () => {
    const contents = await openContents(folder.path);
    const durable: number[] = [];
    const onDurable = async (size: number) => void durable.push(size);
    await assert.rejects(contents.append('2', source('abc', new Error('gone')), { hashes: newHashes(), onDurable }), /gone/);
    assert.deepEqual(durable, [3]);
    assert.equal(await text(contents.read('2')), 'abc');
  });
});

async function* source(bytes: string, broken?: Error): AsyncGenerator<Buffer> {
  yield Buffer.from(bytes);
  if (broken) throw broken;
}
