import assert from 'node:assert/strict';
import type { Bucket, File, GetFilesOptions } from '@google-cloud/storage';
import { refusal, type StorageKit, storageKit } from './storage-kit.ts';

const NAMES = ['a', 'a/1', 'a/2', 'a/b/1', 'a/b/2', 'a/c/1', 'b', 'b/1', 'c-1', 'c-2/x', 'ä/1', '🙂', '\uffff'];

describe('storage server: lists, through the real client', () => {
  let kit: StorageKit;
  let bucket: Bucket;
  before(async () => {
    kit = await storageKit();
    bucket = await kit.bucket();
    for (const name of NAMES) await bucket.file(name).save(name, { resumable: false });
  });
  after(() => kit.close());

  type Query = GetFilesOptions;
  type Page = { files: File[]; names: string[]; prefixes: string[] };
  async function pages(query: Query, of = bucket): Promise<Page[]> {
    const found: Page[] = [];
    for (let next: Query | null = { ...query, autoPaginate: false }; next; ) {
      const [files, following, response] = (await of.getFiles(next)) as unknown as [File[], Query | null, { prefixes?: string[] }];
      found.push({ files, names: files.map(({ name }) => name), prefixes: response.prefixes ?? [] });
      next = following;
    }
    return found;
  }
  async function all(query: Query) {
    const found = await pages(query);
    return { names: found.flatMap(({ names }) => names), prefixes: found.flatMap(({ prefixes }) => prefixes) };
  }
  const inOrder = NAMES.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));

  const rows: [string, Query, string[], string[]][] = [
    ['everything, by the bytes of the names', {}, inOrder, []],
    ['a prefix', { prefix: 'a/' }, ['a/1', 'a/2', 'a/b/1', 'a/b/2', 'a/c/1'], []],
    ['a prefix inside a name', { prefix: 'c-' }, ['c-1', 'c-2/x'], []],
    ['a prefix of nothing', { prefix: 'zzz' }, [], []],
    ['what is at the top', { delimiter: '/' }, ['a', 'b', 'c-1', '\uffff', '🙂'], ['a/', 'b/', 'c-2/', 'ä/']],
    ['what is in a folder', { delimiter: '/', prefix: 'a/' }, ['a/1', 'a/2'], ['a/b/', 'a/c/']],
    ['a folder without its slash', { delimiter: '/', prefix: 'a' }, ['a'], ['a/']],
    ['by a longer delimiter', { delimiter: '/b/', prefix: 'a' }, ['a', 'a/1', 'a/2', 'a/c/1'], ['a/b/']],
    ['between two names', { startOffset: 'a/b/2', endOffset: 'b/1' }, ['a/b/2', 'a/c/1', 'b'], []],
    ['from before a prefix', { startOffset: 'a', prefix: 'b' }, ['b', 'b/1'], []],
  ];
  for (const [what, query, names, prefixes] of rows) {
    it(`gives ${what}, on one page or on many`, async () => {
      for (const maxResults of [1000, 1, 2, 3, 5]) {
        const found = await pages({ ...query, maxResults });
        assert.deepEqual(await all({ ...query, maxResults }), { names, prefixes });
        for (const page of found.slice(0, -1)) assert.equal(page.names.length + page.prefixes.length, maxResults);
      }
    });
  }

  it('gives a folder’s own object beside its prefix where that is asked for, and of no deeper one', async () => {
    const folders = await kit.bucket('project-heliograph-folders');
    for (const name of ['p/', 'p/a/', 'p/a/deep/', 'p/b/x', 'p/c/', 'p/d']) await folders.file(name).save('', { resumable: false });
    const query = { prefix: 'p/', delimiter: '/' };
    assert.deepEqual(
      (await pages(query, folders)).flatMap(({ names }) => names),
      ['p/', 'p/d'],
    );
    for (const maxResults of [1000, 3, 2, 1]) {
      const found = await pages({ ...query, includeTrailingDelimiter: true, maxResults }, folders);
      assert.deepEqual(
        [found.flatMap(({ names }) => names), found.flatMap(({ prefixes }) => prefixes)],
        [
          ['p/', 'p/a/', 'p/c/', 'p/d'],
          ['p/a/', 'p/b/', 'p/c/'],
        ],
      );
      if (maxResults > 1) for (const { names, prefixes } of found) assert.ok(names.length + prefixes.length <= maxResults);
    }
  });

  it('gives versions, oldest first, and goes on inside those of one name', async () => {
    const versioned = await kit.bucket('project-heliograph-versions', { versioning: { enabled: true } });
    for (const text of ['1', '2', '3']) await versioned.file('v').save(text, { resumable: false });
    await versioned.file('w').save('4', { resumable: false });
    await versioned.file('w').delete();
    const read = async (query: Query) => {
      const files = (await pages(query, versioned)).flatMap((page) => page.files);
      return Promise.all(files.map(async (file) => `${file.name}${(await file.download())[0]}`));
    };
    for (const maxResults of [1, 2, 1000]) assert.deepEqual(await read({ versions: true, maxResults }), ['v1', 'v2', 'v3', 'w4']);
    assert.deepEqual(await read({}), ['v3']);
  });

  it('goes on where it was when objects come and go between the pages', async () => {
    const [first, next] = (await bucket.getFiles({ prefix: 'a/', maxResults: 2, autoPaginate: false })) as unknown as [
      { name: string }[],
      Query,
    ];
    assert.deepEqual(
      first.map(({ name }) => name),
      ['a/1', 'a/2'],
    );
    await bucket.file('a/2').delete();
    await bucket.file('a/0').save('0', { resumable: false });
    const [rest] = await bucket.getFiles({ ...next, maxResults: 100 });
    assert.deepEqual(
      rest.map(({ name }) => name),
      ['a/b/1', 'a/b/2', 'a/c/1'],
    );
  });

  it('refuses what it cannot list, rather than leave it out', async () => {
    assert.equal(await refusal(bucket.getFiles({ matchGlob: '**' })), 501);
    assert.equal(await refusal(bucket.getFiles({ softDeleted: true })), 501);
    assert.equal(await refusal(bucket.getFiles({ pageToken: 'not-ours' })), 400);
    assert.equal(await refusal(kit.storage.bucket('no-such-bucket').getFiles()), 404);
  });
});
