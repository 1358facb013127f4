import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import type { Objects } from '../../functions/core/ports.ts';

/** Every object store passes this, on the bucket `payloads`. */
export function objectsContract(open: () => Promise<{ objects: Objects; close(): Promise<void> }>): void {
  let objects: Objects;
  let close: () => Promise<void>;
  before(async () => {
    ({ objects, close } = await open());
  });
  after(() => close());

  it('gives back what was put, and replaces it whole', async () => {
    const name = `tenant/${randomUUID()}/payload é.json`;
    assert.equal(await objects.get('payloads', name), undefined);
    const large = randomBytes(3_000_000);
    for (const bytes of [large, Buffer.from('short'), Buffer.alloc(0)]) {
      assert.equal(await objects.put('payloads', name, bytes), true);
      assert.deepEqual(await objects.get('payloads', name), bytes);
    }
  });

  it('leaves an existing object alone when it is to be absent', async () => {
    const name = randomUUID();
    const puts = ['a', 'b', 'c', 'd'].map((text) => objects.put('payloads', name, Buffer.from(text), { ifAbsent: true }));
    const outcomes = await Promise.all(puts);
    assert.equal(outcomes.filter(Boolean).length, 1);
    const winner = ['a', 'b', 'c', 'd'][outcomes.indexOf(true)];
    assert.equal(String(await objects.get('payloads', name)), winner);
  });

  it('deletes, also what is not there', async () => {
    const name = randomUUID();
    await objects.put('payloads', name, Buffer.from('x'));
    await objects.delete('payloads', name);
    await objects.delete('payloads', name);
    await objects.delete('payloads', `never/${name}`);
    assert.equal(await objects.get('payloads', name), undefined);
    assert.equal(await objects.put('payloads', name, Buffer.from('y'), { ifAbsent: true }), true);
  });

  it('refuses to read more than its reader can take', async () => {
    const name = randomUUID();
    await objects.put('payloads', name, randomBytes(300_000));
    await assert.rejects(objects.get('payloads', name, { maxBytes: 299_999 }), { code: 'object_too_large', status: 413 });
    assert.equal((await objects.get('payloads', name, { maxBytes: 300_000 }))?.length, 300_000);
  });

  it('keeps buckets apart', async () => {
    const name = randomUUID();
    await objects.put('payloads', name, Buffer.from('x'));
    assert.equal(await objects.get('uploads', name), undefined);
  });

  describe('a list', () => {
    const all = async (prefix: string, limit?: number) => {
      const pages: string[][] = [];
      let cursor: string | undefined;
      do {
        const page = await objects.list('payloads', prefix, { cursor, limit });
        pages.push(page.objects.map(({ name }) => name.slice(prefix.length)));
        cursor = page.next;
      } while (cursor !== undefined);
      return pages;
    };

    it('has everything that begins so, in the order of the names, with sizes and times', async () => {
      const prefix = `${randomUUID()}/`;
      const names = ['a-b/c', 'a.b', 'a/b-c', 'ab', 'b/c/d/e', 'é', '\uff5e', '😀'];
      const before = Date.now() - 5_000;
      for (const name of [...names].reverse()) await objects.put('payloads', `${prefix}${name}`, Buffer.from(name));
      const { objects: found, next } = await objects.list('payloads', prefix);
      assert.equal(next, undefined);
      assert.deepEqual(
        found.map(({ name, bytes }) => ({ name: name.slice(prefix.length), bytes })),
        [...names].map((name) => ({ name, bytes: Buffer.byteLength(name) })),
      );
      for (const { writtenAt } of found) assert.ok(writtenAt > before && writtenAt < Date.now() + 5_000);
      assert.deepEqual(await all(`${prefix}a`), [['-b/c', '.b', '/b-c', 'b']]);
      assert.deepEqual(await all(`${prefix}a/`), [['b-c']]);
      assert.deepEqual(await all(`${prefix}b/c/d/e`), [['']]);
      assert.deepEqual(await all(`${prefix}c`), [[]]);
      assert.deepEqual(await all(`${randomUUID()}/x/y`), [[]]);
    });

    it('shows nothing of another bucket, whatever way the prefix goes', async () => {
      const name = randomUUID();
      await objects.put('uploads', name, Buffer.from('x'));
      await objects.put('payloads', `here/${name}`, Buffer.from('x'));
      for (const prefix of ['../', '../uploads/', 'here/../../uploads/', './here/', 'here/../here/', '/', '//'])
        assert.deepEqual(await all(prefix), [[]], prefix);
    });

    it('comes in pages, each name once, whatever is written or deleted meanwhile elsewhere', async () => {
      const prefix = `${randomUUID()}/`;
      const names = Array.from(
        { length: 25 },
        (_, index) => `${index % 3}/${index % 2 === 0 ? 'x/' : ''}${String(index).padStart(2, '0')}`,
      );
      await Promise.all(names.map((name) => objects.put('payloads', `${prefix}${name}`, Buffer.from('x'))));
      for (const limit of [1, 4, 7, 25, 1000]) {
        const pages = await all(prefix, limit);
        assert.deepEqual(pages.flat(), [...names].sort());
        assert.ok(pages.every((page) => page.length <= limit));
      }
      const first = await objects.list('payloads', prefix, { limit: 5 });
      await objects.delete('payloads', first.objects[4]?.name as string);
      await objects.put('payloads', `${prefix}0/000`, Buffer.from('x'));
      const rest = await objects.list('payloads', prefix, { cursor: first.next });
      assert.deepEqual(
        rest.objects.map(({ name }) => name.slice(prefix.length)),
        [...names].sort().slice(5),
      );
    });

    it('has a thousand on a page unless told otherwise, in the order of bytes, not of UTF-16', async function () {
      this.timeout(120_000);
      const prefix = `${randomUUID()}/`;
      // In UTF-16 what lies beyond the first plane comes before \ue000.
      const beginnings = ['a', 'é', '日', '\ue000', '😀'];
      const names = Array.from({ length: 1_040 }, (_, index) => `${beginnings[index % 5]}${String(index).padStart(4, '0')}`);
      for (let at = 0; at < names.length; at += 40) {
        await Promise.all(names.slice(at, at + 40).map((name) => objects.put('payloads', `${prefix}${name}`, Buffer.from('x'))));
      }
      const inOrder = names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      assert.notDeepEqual(inOrder, names.toSorted());
      const pages = await all(prefix);
      assert.deepEqual(
        pages.map(({ length }) => length),
        [1_000, 40],
      );
      assert.deepEqual(pages.flat(), inOrder);
    });

    it('tells a newer time once an object is written again', async () => {
      const name = randomUUID();
      await objects.put('payloads', name, Buffer.from('a'));
      const [first] = (await objects.list('payloads', name)).objects;
      await new Promise((resolve) => setTimeout(resolve, 20));
      await objects.put('payloads', name, Buffer.from('ab'));
      const [second] = (await objects.list('payloads', name)).objects;
      assert.equal(second?.bytes, 2);
      assert.ok((second?.writtenAt as number) > (first?.writtenAt as number));
    });

    it('tells the version, by which an object is deleted only if nobody has written it since', async () => {
      const name = randomUUID();
      const versionNow = async () => (await objects.list('payloads', name)).objects[0]?.version as string;
      await objects.put('payloads', name, Buffer.from('a'));
      const first = await versionNow();
      assert.equal(await versionNow(), first);
      await objects.put('payloads', name, Buffer.from('a'));
      const second = await versionNow();
      assert.notEqual(second, first);
      await objects.delete('payloads', name, { version: first });
      assert.equal(String(await objects.get('payloads', name)), 'a');
      await objects.delete('payloads', name, { version: second });
      assert.equal(await objects.get('payloads', name), undefined);
      await objects.delete('payloads', name, { version: second });
      await objects.put('payloads', name, Buffer.from('a'), { ifAbsent: true });
      await objects.delete('payloads', name, { version: second });
      assert.equal(String(await objects.get('payloads', name)), 'a');
    });
  });

  for (const name of ['', '/', 'a//b', '/a', 'a/', '.', '..', 'a/../b', './a', 'a/..', '../../etc/passwd']) {
    it(`refuses the name ${JSON.stringify(name)}`, async () => {
      for (const attempt of [
        objects.put('payloads', name, Buffer.alloc(1)),
        objects.get('payloads', name),
        objects.delete('payloads', name),
      ]) {
        await assert.rejects(attempt, { code: 'invalid_object_name' });
      }
    });
  }
}
