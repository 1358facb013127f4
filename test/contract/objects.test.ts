import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileObjects } from '../../functions/adapters/files.ts';
import { temporaryFolder } from '../support/folder.ts';
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
