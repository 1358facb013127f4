import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Bucket, CRC32C, Storage } from '@google-cloud/storage';
import { crc32c } from '../../emulator-bridge/storage/crc32c.ts';
import { refusal, type StorageKit, storageKit } from './storage-kit.ts';

const md5 = (bytes: Buffer) => createHash('md5').update(bytes).digest('base64');
const crc = (bytes: Buffer) => {
  const sum = new CRC32C();
  sum.update(bytes);
  return sum.toString();
};

describe('storage server: objects, through the real client', () => {
  let kit: StorageKit;
  let bucket: Bucket;
  beforeEach(async () => {
    kit = await storageKit();
    bucket = await kit.bucket();
  });
  afterEach(() => kit.close());

  const contents = () => readdirSync(join(kit.folder, 'contents')).length;

  it('sums up as the client does, whatever the lengths', () => {
    assert.equal(crc(Buffer.from('123456789')), '4waSgw==');
    for (let length = 0; length < 100; length += 1) {
      const bytes = randomBytes(length);
      const ours = crc32c();
      for (const part of [bytes.subarray(0, length / 3), bytes.subarray(length / 3)]) ours.update(part);
      assert.equal(ours.base64(), crc(bytes));
    }
  });

  for (const [kind, options] of [
    ['in one request', { resumable: false }],
    ['by a resumable upload', { resumable: true }],
    ['by a resumable upload in chunks', { resumable: true, chunkSize: 256 * 1024 }],
  ] as const) {
    describe(kind, () => {
      for (const size of [1, 5, 65_536, 262_144, 3_000_001]) {
        it(`takes ${size} bytes and gives them back`, async () => {
          const bytes = randomBytes(size);
          const file = bucket.file('tenant/a b/é ?#%2F.json');
          await file.save(bytes, { ...options, metadata: { contentType: 'application/x-test', metadata: { by: 'me' } } });
          const [got] = await file.download();
          assert.ok(got.equals(bytes));
          const [metadata] = await file.getMetadata();
          assert.equal(metadata.size, String(size));
          assert.deepEqual([metadata.md5Hash, metadata.crc32c], [md5(bytes), crc(bytes)]);
          assert.deepEqual([metadata.contentType, metadata.metadata], ['application/x-test', { by: 'me' }]);
          assert.deepEqual([metadata.name, metadata.bucket], [file.name, bucket.name]);
          assert.equal(metadata.metageneration, '1');
        });
      }

      it('keeps to preconditions on generations', async () => {
        const file = bucket.file('x');
        const save = (text: string, preconditionOpts: object) => file.save(text, { ...options, preconditionOpts });
        assert.equal(await refusal(save('a', { ifGenerationMatch: 5 })), 412);
        assert.equal(await refusal(save('a', { ifGenerationNotMatch: 5 })), 412, 'nothing fails that, too');
        await save('a', { ifGenerationMatch: 0 });
        assert.equal(await refusal(save('b', { ifGenerationMatch: 0 })), 412);
        assert.equal(String((await file.download())[0]), 'a');
        const [{ generation }] = await file.getMetadata();
        assert.equal(await refusal(save('b', { ifGenerationNotMatch: generation })), 412);
        assert.equal(await refusal(save('b', { ifMetagenerationMatch: 2 })), 412);
        await save('b', { ifGenerationMatch: generation, ifMetagenerationMatch: 1 });
        assert.equal(String((await file.download())[0]), 'b');
        assert.equal(contents(), 1, 'what was refused or replaced takes no room');
      });
    });
  }

  it('takes an empty object in one request and by a resumable upload', async () => {
    for (const resumable of [false, true]) {
      const file = bucket.file(`empty ${resumable}`);
      await file.save('', { resumable });
      assert.equal((await file.download())[0].length, 0);
      assert.equal((await file.getMetadata())[0].crc32c, 'AAAAAA==');
    }
  });

  it('lets one of many writers create an object', async () => {
    const attempts = Array.from({ length: 20 }, (_, n) =>
      refusal(bucket.file('one').save(String(n), { resumable: n % 2 === 0, preconditionOpts: { ifGenerationMatch: 0 } })),
    );
    const outcomes = await Promise.all(attempts);
    assert.deepEqual(outcomes.toSorted(), [...Array(19).fill(412), undefined]);
    assert.equal(String((await bucket.file('one').download())[0]), String(outcomes.indexOf(undefined)));
    assert.equal(contents(), 1);
  });

  it('gives the ranges that are asked for', async () => {
    const file = bucket.file('ranges');
    await file.save('0123456789', { resumable: false });
    const range = async (options: { start?: number; end?: number }) => String((await file.download(options))[0]);
    assert.equal(await range({ start: 2, end: 4 }), '234');
    assert.equal(await range({ start: 7 }), '789');
    assert.equal(await range({ end: 1 }), '01');
    assert.equal(await range({ end: -3 }), '789');
    assert.equal(await range({ start: 8, end: 99 }), '89');
    assert.equal(await refusal(range({ start: 10 })), 416);
  });

  it('checks the sums that a client says', async () => {
    for (const resumable of [false, true]) {
      const file = bucket.file(`sums ${resumable}`);
      const save = (sums: { md5Hash?: string; crc32c?: string }) =>
        file.save('right', { resumable, validation: false, metadata: sums });
      assert.equal(await refusal(save({ md5Hash: md5(Buffer.from('wrong')) })), 400);
      assert.equal(await refusal(save({ crc32c: crc(Buffer.from('wrong')) })), 400);
      assert.deepEqual(await file.exists(), [false]);
      await save({ md5Hash: md5(Buffer.from('right')), crc32c: crc(Buffer.from('right')) });
      assert.deepEqual(await file.exists(), [true]);
    }
    assert.equal(contents(), 2);
  });

  it('answers a read with 304 while nothing has changed, and with 412 for another version', async () => {
    const file = bucket.file('read');
    await file.save('x', { resumable: false });
    const [{ generation }] = await file.getMetadata();
    const path = `/storage/v1/b/${bucket.name}/o/read`;
    for (const alt of ['', '&alt=media']) {
      assert.equal((await kit.send('GET', `${path}?ifGenerationNotMatch=${generation}${alt}`)).status, 304);
      assert.equal((await kit.send('GET', `${path}?ifMetagenerationNotMatch=1${alt}`)).status, 304);
      assert.equal((await kit.send('GET', `${path}?ifGenerationMatch=1${alt}`)).status, 412);
      assert.equal((await kit.send('GET', `${path}?ifGenerationMatch=${generation}${alt}`)).status, 200);
    }
  });

  it('merges changes of metadata, under preconditions', async () => {
    const file = bucket.file('metadata');
    await file.save('x', { resumable: false, metadata: { contentType: 'text/plain', metadata: { a: '1', b: '2' } } });
    await file.setMetadata({ metadata: { b: null, c: '3' }, cacheControl: 'no-store' });
    const [changed] = await file.getMetadata();
    assert.deepEqual(changed.metadata, { a: '1', c: '3' });
    assert.deepEqual([changed.contentType, changed.cacheControl, changed.metageneration], ['text/plain', 'no-store', '2']);
    assert.equal(await refusal(file.setMetadata({ cacheControl: 'public' }, { ifMetagenerationMatch: 1 })), 412);
    await file.setMetadata({ cacheControl: 'public' }, { ifMetagenerationMatch: 2 });
    const response = await kit.send('GET', `/storage/v1/b/${bucket.name}/o/metadata?alt=media`);
    assert.equal(response.headers.get('cache-control'), 'public');
    assert.equal(response.headers.get('content-type'), 'text/plain');
    assert.equal(await response.text(), 'x');
  });

  it('replaces all metadata where that is asked for, and keeps what is its own', async () => {
    const file = bucket.file('metadata');
    await file.save('x', { resumable: false, metadata: { contentType: 'text/plain', metadata: { a: '1' } } });
    const [before] = await file.getMetadata();
    const headers = { 'content-type': 'application/json' };
    const path = `/storage/v1/b/${bucket.name}/o/metadata`;
    const response = await kit.send('PUT', path, { headers, body: JSON.stringify({ cacheControl: 'no-store' }) });
    assert.equal(response.status, 200);
    const [after] = await file.getMetadata();
    assert.deepEqual([after.cacheControl, after.contentType, after.metadata], ['no-store', undefined, undefined]);
    for (const own of ['crc32c', 'md5Hash', 'timeCreated', 'generation', 'size'] as const) assert.equal(after[own], before[own]);
    assert.equal(after.metageneration, '2');
  });

  it('makes no object of others that are not the wanted versions', async () => {
    await bucket.file('from').save('x', { resumable: false });
    const send = async (path: string, body: object) => {
      const headers = { 'content-type': 'application/json' };
      return (await kit.send('POST', `/storage/v1/b/${bucket.name}/o/${path}`, { headers, body: JSON.stringify(body) })).status;
    };
    const sources = (ifGenerationMatch: number) => ({
      sourceObjects: [{ name: 'from', objectPreconditions: { ifGenerationMatch } }],
    });
    const [{ generation }] = await bucket.file('from').getMetadata();
    for (const [wanted, status] of [
      [1, 412],
      [Number(generation), 200],
    ] as const) {
      for (const verb of ['copyTo', 'rewriteTo'])
        assert.equal(await send(`from/${verb}/b/${bucket.name}/o/${verb}?ifSourceGenerationMatch=${wanted}`, {}), status);
      assert.equal(await send('composed/compose', sources(wanted)), status);
    }
  });

  it('forgets an upload that nobody has gone on with for a week', async () => {
    const started = await kit.send('POST', `/upload/storage/v1/b/${bucket.name}/o?uploadType=resumable&name=left`);
    const session = new URL(started.headers.get('location') as string);
    const id = session.searchParams.get('upload_id') as string;
    await kit.send('PUT', session.pathname + session.search, { body: 'half', headers: { 'content-range': 'bytes 0-3/8' } });
    const age = (days: number) =>
      kit.server.site.store.write((tables) => {
        const upload = tables.upload(id);
        if (upload !== undefined) tables.putUpload({ ...upload, startedAt: Date.now() - days * 86_400_000 });
      });
    for (const [days, status, left] of [
      [6.9, 308, 1],
      [7.1, 404, 0],
    ] as const) {
      await age(days);
      await kit.restart();
      const asked = await kit.send('PUT', session.pathname + session.search, { headers: { 'content-range': 'bytes */*' } });
      assert.deepEqual([asked.status, contents()], [status, left]);
    }
  });

  it('copies and moves, within a bucket and into another, sharing the bytes', async () => {
    const other = await kit.bucket('project-heliograph-uploads');
    const bytes = randomBytes(100_000);
    const file = bucket.file('from');
    await file.save(bytes, { resumable: false, metadata: { contentType: 'text/x', metadata: { a: '1' } } });
    await file.copy(other.file('to/there'));
    const [copy] = await other.file('to/there').getMetadata();
    assert.deepEqual([copy.contentType, copy.metadata, copy.md5Hash], ['text/x', { a: '1' }, md5(bytes)]);
    await file.copy(bucket.file('b'), { metadata: { a: '2' }, contentType: 'text/y' });
    const [changed] = await bucket.file('b').getMetadata();
    assert.deepEqual([changed.contentType, changed.metadata], ['text/y', { a: '2' }]);
    assert.equal(contents(), 1);
    assert.equal(await refusal(file.copy('b', { preconditionOpts: { ifGenerationMatch: 0 } })), 412);
    await file.move('moved');
    assert.deepEqual(await file.exists(), [false]);
    await bucket.file('b').delete();
    assert.ok((await bucket.file('moved').download())[0].equals(bytes));
    await bucket.file('moved').delete();
    assert.ok((await other.file('to/there').download())[0].equals(bytes));
    await other.file('to/there').delete();
    assert.equal(contents(), 0);
    assert.equal(await refusal(file.copy('nowhere')), 404);
  });

  it('composes', async () => {
    const parts = [randomBytes(70_000), Buffer.alloc(0), randomBytes(5)];
    for (const [n, part] of parts.entries()) await bucket.file(`part ${n}`).save(part, { resumable: false });
    const sources = parts.map((_, n) => bucket.file(`part ${n}`));
    await bucket.combine(sources, bucket.file('whole.txt'));
    const whole = bucket.file('whole.txt');
    assert.ok((await whole.download())[0].equals(Buffer.concat(parts)));
    const [metadata] = await whole.getMetadata();
    assert.deepEqual([metadata.componentCount, metadata.md5Hash, metadata.contentType], [3, undefined, 'text/plain']);
    assert.equal(metadata.crc32c, crc(Buffer.concat(parts)));
    await bucket.combine(['whole.txt', 'part 2'], 'more.txt');
    assert.equal((await bucket.file('more.txt').getMetadata())[0].componentCount, 4);
    assert.equal(await refusal(bucket.combine(['part 0', 'no part'], 'x')), 404);
    assert.equal(await refusal(bucket.combine(['part 0'], 'whole.txt', { ifGenerationMatch: 0 })), 412);
    assert.equal(await refusal(bucket.combine(Array(33).fill('part 1'), 'x')), 400);
    assert.equal(contents(), 5);
  });

  it('deletes, under preconditions', async () => {
    const file = bucket.file('gone');
    assert.equal(await refusal(file.delete()), 404);
    await file.delete({ ignoreNotFound: true });
    await file.save('x', { resumable: false });
    assert.equal(await refusal(file.delete({ ifGenerationMatch: 1 })), 412);
    await file.delete({ ifGenerationMatch: (await file.getMetadata())[0].generation });
    assert.equal(await refusal(file.download()), 404);
    assert.equal(contents(), 0);
  });

  it('tells one name from another by its bytes', async () => {
    const names = ['a', 'a/', 'a/..', 'a/../b', '/a', '//', 'A', 'ä', 'a\u0308', '🙂', ' ', '%61', 'a?alt=media', 'x'.repeat(1024)];
    for (const name of names) await bucket.file(name).save(name, { resumable: name.length % 2 === 0 });
    for (const name of names) assert.equal(String((await bucket.file(name).download())[0]), name);
    const [files] = await bucket.getFiles();
    const inOrder = names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    assert.deepEqual(
      files.map(({ name }) => name),
      inOrder,
    );
  });

  it('reads a version to its end that is deleted meanwhile', async () => {
    const bytes = randomBytes(8_000_000);
    const file = bucket.file('read');
    await file.save(bytes, { resumable: false });
    const stream = file.createReadStream();
    const chunks: Buffer[] = [];
    for await (const chunk of stream) {
      if (chunks.length === 0) await bucket.file('read').delete();
      chunks.push(chunk);
    }
    assert.ok(Buffer.concat(chunks).equals(bytes));
    assert.equal(contents(), 0);
  });

  it('is found by STORAGE_EMULATOR_HOST, without credentials', async () => {
    const before = process.env.STORAGE_EMULATOR_HOST;
    process.env.STORAGE_EMULATOR_HOST = kit.server.url;
    try {
      const mine = new Storage({ projectId: 'project' }).bucket(bucket.name);
      for (const resumable of [false, true]) {
        await mine.file('by/host').save('here', { resumable });
        assert.equal(String((await mine.file('by/host').download())[0]), 'here');
      }
      const [[only]] = await mine.getFiles();
      assert.equal(only?.cloudStorageURI.href, `gs://${bucket.name}/by/host`);
    } finally {
      if (before === undefined) delete process.env.STORAGE_EMULATOR_HOST;
      else process.env.STORAGE_EMULATOR_HOST = before;
    }
  });

  it('keeps everything over a restart', async () => {
    await bucket.setMetadata({ versioning: { enabled: true } });
    for (const text of ['old', 'new']) await bucket.file('x').save(text, { resumable: false });
    await kit.restart();
    const [versions] = await bucket.getFiles({ versions: true });
    assert.deepEqual(await Promise.all(versions.map(async (file) => String((await file.download())[0]))), ['old', 'new']);
    await bucket
      .file('x')
      .save('newest', { resumable: false, preconditionOpts: { ifGenerationMatch: versions[1]?.metadata.generation } });
    assert.ok(Number((await bucket.file('x').getMetadata())[0].generation) > Number(versions[1]?.metadata.generation));
  });
});
