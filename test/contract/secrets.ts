import assert from 'node:assert/strict';
import type { Secrets } from '../../functions/core/ports.ts';

/** Every secret store passes this. */
export function secretsContract(open: () => Promise<{ secrets: Secrets; close(): Promise<void> }>): void {
  let secrets: Secrets;
  let close: () => Promise<void>;
  before(async () => {
    ({ secrets, close } = await open());
  });
  after(() => close());

  it('gives back the newest value', async () => {
    assert.equal(await secrets.read('signing-key'), undefined);
    for (const value of ['first', 'é\n"\u{1f600}', 'x'.repeat(60_000)]) {
      await secrets.write('signing-key', value);
      assert.equal(await secrets.read('signing-key'), value);
    }
  });

  it('keeps secrets apart', async () => {
    await Promise.all(['one', 'two', 'three'].map((name) => secrets.write(name, `value of ${name}`)));
    for (const name of ['one', 'two', 'three']) assert.equal(await secrets.read(name), `value of ${name}`);
  });

  it('lets one of many first writers win, and every reader see that one', async () => {
    const values = Array.from({ length: 20 }, (_, number) => `value ${number}`);
    const read = await Promise.all(
      values.map(async (value) => {
        await secrets.write('contested', value, { ifAbsent: true });
        return secrets.read('contested');
      }),
    );
    assert.equal(new Set(read).size, 1);
    assert.ok(values.includes(String(read[0])));
  });

  for (const name of ['', '..', '../x', 'a/b', 'A', 'a.b', 'a:access']) {
    it(`refuses the name ${JSON.stringify(name)}`, async () => {
      await assert.rejects(secrets.write(name, 'x'), { code: 'invalid_secret_name' });
      await assert.rejects(secrets.read(name), { code: 'invalid_secret_name' });
    });
  }
}
