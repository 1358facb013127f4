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
