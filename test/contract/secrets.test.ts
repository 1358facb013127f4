import assert from 'node:assert/strict';
import { copyFileSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileSecrets } from '../../functions/adapters/secret-file.ts';
import { temporaryFolder } from '../support/folder.ts';
import { secretsContract } from './secrets.ts';

describe('secrets contract: encrypted files', () => {
  secretsContract(async () => {
    const folder = temporaryFolder();
    return { secrets: fileSecrets({ folder: folder.path }), close: async () => folder.remove() };
  });

  describe('the files', () => {
    let folder: ReturnType<typeof temporaryFolder>;
    beforeEach(() => {
      folder = temporaryFolder();
    });
    afterEach(() => folder.remove());
    const fileOf = (name: string) => join(folder.path, `${name}.json`);

    it('hold no plain text, and are their owner’s alone', async () => {
      await fileSecrets({ folder: folder.path }).write('token', 'very-secret');
      for (const name of readdirSync(folder.path, { recursive: true }).map(String)) {
        const found = statSync(join(folder.path, name));
        if (!found.isFile()) continue;
        assert.equal(found.mode & 0o777, 0o600, name);
        assert.ok(!readFileSync(join(folder.path, name)).includes('very-secret'));
      }
    });

    it('are read by any process with the same key, and by none with another', async () => {
      await fileSecrets({ folder: folder.path, masterKey: 'correct horse' }).write('token', 'value');
      assert.equal(await fileSecrets({ folder: folder.path, masterKey: 'correct horse' }).read('token'), 'value');
      await assert.rejects(fileSecrets({ folder: folder.path, masterKey: 'wrong' }).read('token'), { code: 'secret_unreadable' });
      await assert.rejects(fileSecrets({ folder: folder.path }).read('token'), { code: 'secret_unreadable' });
    });

    it('share the key that was first made', async () => {
      const stores = Array.from({ length: 5 }, () => fileSecrets({ folder: folder.path }));
      await Promise.all(stores.map((store, index) => store.write(`secret-${index}`, String(index))));
      for (const index of stores.keys())
        assert.equal(await fileSecrets({ folder: folder.path }).read(`secret-${index}`), String(index));
    });

    it('are refused when altered, or put in another’s place', async () => {
      const secrets = fileSecrets({ folder: folder.path });
      await secrets.write('token', 'value');
      copyFileSync(fileOf('token'), fileOf('other'));
      await assert.rejects(secrets.read('other'), { code: 'secret_unreadable' });
      const sealed = JSON.parse(readFileSync(fileOf('token'), 'utf8'));
      for (const change of [{ data: 'AAAA' }, { tag: sealed.tag.slice(0, 8) }, { iv: 'AAAAAAAAAAAAAAAA' }]) {
        writeFileSync(fileOf('token'), JSON.stringify({ ...sealed, ...change }));
        await assert.rejects(secrets.read('token'), { code: 'secret_unreadable' });
      }
    });

    for (const name of ['', '..', '../x', 'a/b', 'A', 'a.b']) {
      it(`have no name like ${JSON.stringify(name)}`, async () => {
        const secrets = fileSecrets({ folder: folder.path });
        await assert.rejects(secrets.write(name, 'x'), { code: 'invalid_secret_name' });
        await assert.rejects(secrets.read(name), { code: 'invalid_secret_name' });
      });
    }
  });
});
