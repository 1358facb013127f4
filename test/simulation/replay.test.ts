import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { storyOf } from './failure.ts';

const SCRIPT = fileURLToPath(new URL('../../scripts/simulate.ts', import.meta.url));

describe('the replay of a seed', function () {
  this.timeout(60_000);
  it('tells the same story, byte for byte, in this process and in others', async () => {
    for (const seed of [3, 9, 17]) {
      const { text } = await storyOf(seed);
      assert.ok(text.split('\n').length > 10, `Seed ${seed} tells too little to compare: take a livelier one.\n${text}`);
      assert.equal((await storyOf(seed)).text, text);
      const printed = execFileSync(process.execPath, [SCRIPT, '--seed', String(seed)], { encoding: 'utf8' });
      assert.ok(printed.startsWith(`${text}\n`));
    }
  });
});
