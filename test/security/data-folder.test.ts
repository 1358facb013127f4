import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../support/folder.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';

describe('the data folder', () => {
  const folder = temporaryFolder();
  const dataDir = join(folder.path, 'new', 'data');
  let stack: EmbeddedTestStack;
  before(async () => {
    stack = await embeddedStack({ dataDir, auth: 'required' });
  });
  after(async () => {
    await stack.stop();
    folder.remove();
  });

  it('is its owner’s alone, and so is every file and folder in it', async () => {
    await stack.run({ payload: { large: 'x'.repeat(300_000) } });
    const inside = readdirSync(dataDir, { recursive: true }) as string[];
    assert.ok(inside.some((name) => name.endsWith('.db-wal')) && inside.some((name) => name.startsWith('objects')));
    for (const name of ['.', ...inside]) {
      const { mode } = statSync(join(dataDir, name));
      assert.equal(mode & 0o077, 0, `${name} has the mode ${(mode & 0o777).toString(8)}`);
    }
  });
});
