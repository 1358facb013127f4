import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { ask } from '../../scripts/command-line/ask.ts';

describe('a question on the terminal', () => {
  const terminal = () => {
    const stdin = Object.assign(new PassThrough(), { isTTY: true });
    const stdout = new PassThrough();
    return { stdin, streams: { stdin, stdout } as unknown as Pick<typeof process, 'stdin' | 'stdout'> };
  };

  it('gives the line that was typed, trimmed', async () => {
    const { stdin, streams } = terminal();
    stdin.end(' yes \n');
    assert.equal(await ask('Apply?', 'pass --yes.', streams), 'yes');
  });

  it('is not waited for when the terminal ends', async () => {
    const { stdin, streams } = terminal();
    stdin.end();
    await assert.rejects(ask('Apply?', 'pass --yes.', streams), { code: 'declined', message: /nothing was done/ });
  });

  it('says what answers where there is no terminal', async () => {
    const { stdin, streams } = terminal();
    stdin.isTTY = false;
    await assert.rejects(ask('Apply?', 'pass --yes.', streams), { code: 'nobody_to_ask', message: /Apply\?.*pass --yes\./s });
  });
});
