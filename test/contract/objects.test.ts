import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Storage } from '@google-cloud/storage';
import { cloudObjects } from '../../functions/adapters/cloud-storage.ts';
import { fileObjects } from '../../functions/adapters/files.ts';
import { temporaryFolder } from '../support/folder.ts';
import { httpListener, type Listener } from '../support/http-listener.ts';
import { storageOf } from '../support/storage.ts';
import { objectsContract } from './objects.ts';

describe('objects contract: folder', () => {
  objectsContract(async () => {
    const folder = temporaryFolder();
    return { objects: fileObjects({ folder: folder.path }), close: async () => folder.remove() };
  });

  describe('the folder', () => {
    let folder: ReturnType<typeof temporaryFolder>;
    beforeEach(() => {
      folder = temporaryFolder();
    });
    afterEach(() => folder.remove());

    for (const [bucket, name] of [
      ['payloads', 'a\\..\\b'],
      ['payloads', 'c:x'],
      ['payloads', 'a\u0000b'],
      ['payloads', 'x'.repeat(256)],
      ['..', 'x'],
      ['.partial', 'x'],
      ['', 'x'],
      ['a/b', 'x'],
    ] as const) {
      it(`refuses ${JSON.stringify(`${bucket}/${name}`)}`, async () => {
        const objects = fileObjects({ folder: folder.path });
        await assert.rejects(objects.put(bucket, name, Buffer.alloc(1)), { code: 'invalid_object_name' });
        assert.deepEqual(readdirSync(folder.path), []);
      });
    }

    it('neither reads nor writes through a symbolic link', async () => {
      const outside = join(folder.path, 'outside');
      const inside = join(folder.path, 'inside');
      mkdirSync(outside);
      mkdirSync(join(inside, 'payloads'), { recursive: true });
      writeFileSync(join(outside, 'secret'), 'secret');
      symlinkSync(outside, join(inside, 'payloads', 'way'));
      symlinkSync(join(outside, 'secret'), join(inside, 'payloads', 'file'));
      const objects = fileObjects({ folder: inside });
      assert.equal(await objects.get('payloads', 'way/secret'), undefined);
      assert.equal(await objects.get('payloads', 'file'), undefined);
      await assert.rejects(objects.put('payloads', 'way/new', Buffer.from('x')), { code: 'object_conflict' });
      await assert.rejects(objects.put('payloads', 'way/deep/new', Buffer.from('x')), { code: 'object_conflict' });
      await objects.delete('payloads', 'way/secret');
      await objects.put('payloads', 'file', Buffer.from('mine'));
      assert.deepEqual(readdirSync(outside), ['secret']);
      assert.equal(readFileSync(join(outside, 'secret'), 'utf8'), 'secret');
      assert.equal(String(await objects.get('payloads', 'file')), 'mine');
    });

    it('does not wait on a pipe, and takes a folder for no object', async () => {
      const objects = fileObjects({ folder: folder.path });
      await objects.put('payloads', 'a/b', Buffer.from('x'));
      execFileSync('mkfifo', [join(folder.path, 'payloads', 'pipe')]);
      assert.equal(await objects.get('payloads', 'pipe'), undefined);
      assert.equal(await objects.get('payloads', 'a'), undefined);
      await assert.rejects(objects.put('payloads', 'a', Buffer.from('x')), { code: 'object_conflict' });
      await assert.rejects(objects.put('payloads', 'a/b/c', Buffer.from('x')), { code: 'object_conflict' });
      assert.equal(String(await objects.get('payloads', 'a/b')), 'x');
    });

    it('leaves nothing half written, and clears away what a crash left', async () => {
      const partial = join(folder.path, '.partial');
      mkdirSync(partial);
      for (const name of ['old', 'young']) writeFileSync(join(partial, name), 'half');
      utimesSync(join(partial, 'old'), 0, 0);
      const objects = fileObjects({ folder: folder.path });
      await objects.put('payloads', 'x', Buffer.from('x'));
      assert.deepEqual(readdirSync(partial), ['young']);
    });
  });
});

describe('objects contract: Cloud Storage', () => {
  const project = 'heliograph-test';
  let storage: Awaited<ReturnType<typeof storageOf>>;
  before(async () => {
    storage = await storageOf(project);
  });
  after(() => storage.close());

  objectsContract(async () => ({ objects: cloudObjects({ project }), close: async () => {} }));

  it('keeps them in the buckets that the stack makes', async () => {
    await cloudObjects({ project }).put('uploads', 'default/a.txt', Buffer.from('a'));
    const [bytes] = await new Storage().bucket('heliograph-test-heliograph-uploads').file('default/a.txt').download();
    assert.equal(String(bytes), 'a');
  });

  it('takes names that only a file system would refuse, and no longer ones than Cloud Storage', async () => {
    const objects = cloudObjects({ project });
    for (const name of ['a:b', 'a\\b', 'tenant%40x/ü?#&=+ 1', 'x'.repeat(1024)]) {
      await objects.put('uploads', name, Buffer.from(name));
      assert.equal(String(await objects.get('uploads', name)), name);
    }
    for (const name of ['x'.repeat(1025), 'a\nb', 'a\rb', '\ud800'])
      await assert.rejects(objects.get('uploads', name), { code: 'invalid_object_name' });
    await assert.rejects(objects.get('a/b', 'x'), { code: 'invalid_object_name' });
  });

  it('unpacks what its uploader has packed, up to the limit of its reader', async () => {
    const file = new Storage().bucket('heliograph-test-heliograph-uploads').file('default/packed.txt');
    await file.save(gzipSync(Buffer.alloc(1_000_000, 'a')), { resumable: false, metadata: { contentEncoding: 'gzip' } });
    const objects = cloudObjects({ project });
    assert.equal((await objects.get('uploads', 'default/packed.txt'))?.length, 1_000_000);
    await assert.rejects(objects.get('uploads', 'default/packed.txt', { maxBytes: 100_000 }), { code: 'object_too_large' });
  });

  it('reads a large one without a warning in the log', async () => {
    const warnings: Error[] = [];
    const warned = (warning: Error) => warnings.push(warning);
    process.on('warning', warned);
    const objects = cloudObjects({ project });
    await objects.put('payloads', 'large', Buffer.alloc(3_000_000));
    await objects.get('payloads', 'large');
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', warned);
    assert.deepEqual(warnings, []);
  });

  it('says that there is no bucket as that there is no object', async () => {
    assert.equal(await cloudObjects({ project: 'another-project' }).get('payloads', 'a'), undefined);
    await assert.rejects(cloudObjects({ project: 'another-project' }).put('payloads', 'a', Buffer.from('a')), {
      code: 'objects_unavailable',
      status: 503,
    });
  });

  describe('a store that fails', () => {
    let failing: Listener;
    before(async () => {
      failing = await httpListener();
    });
    after(() => failing.close());
    const broken = () => {
      const before = process.env.STORAGE_EMULATOR_HOST;
      process.env.STORAGE_EMULATOR_HOST = failing.url;
      failing.received.length = 0;
      return { objects: cloudObjects({ project }), restore: () => (process.env.STORAGE_EMULATOR_HOST = before) };
    };

    it('is asked again, for every call alike', async function () {
      this.timeout(60_000);
      const { objects, restore } = broken();
      const ask = [
        () => objects.put('payloads', 'a', Buffer.from('a')),
        () => objects.put('payloads', 'a', Buffer.from('a'), { ifAbsent: true }),
        () => objects.get('payloads', 'a'),
        () => objects.delete('payloads', 'a'),
      ];
      for (const call of ask) {
        failing.received.length = 0;
        failing.answer = () => ({ status: failing.received.length > 1 ? 404 : 503, body: {} });
        await call().catch((error) => assert.equal(error.code, 'objects_unavailable'));
        assert.ok(failing.received.length > 1, String(call));
      }
      restore();
    });

    it('is refused access once, and says so', async () => {
      const { objects, restore } = broken();
      failing.answer = () => ({ status: 403, body: { error: { code: 403, message: 'denied', errors: [] } } });
      await assert.rejects(objects.put('payloads', 'a', Buffer.from('a')), { code: 'objects_unavailable' });
      await assert.rejects(objects.get('payloads', 'a'), { code: 'objects_unavailable' });
      assert.equal(failing.received.length, 2);
      restore();
    });
  });
});
