import assert from 'node:assert/strict';
import { chooseMode } from '../../../functions/core/intents/choose-mode.ts';
import type { Intent, IntentMode } from '../../../functions/core/intents/intents.ts';

describe('the mode of an intent that says none', () => {
  const all = (mode: IntentMode) => Promise.resolve({ mode } as Intent);
  const only = (mode: IntentMode) => (asked: IntentMode) => Promise.resolve(asked === mode ? ({ mode } as Intent) : undefined);

  // As the sources' table has it.
  const rows: readonly [name: string, mode: IntentMode][] = [
    ['ssh.exec.peek', 'agent'],
    ['calendar.peek', 'agent'],
    ['fs.read', 'agent'],
    ['gmail.read', 'agent'],
    ['memory.write', 'agent'],
    ['memory.search', 'agent'],
    ['gmail.triage', 'flow'],
    ['digest.daily', 'flow'],
    ['workflow.run', 'flow'],
    ['slack.summarize', 'flow'],
    ['calendar.schedule', 'flow'],
    ['fs.list', 'flow'],
    ['ssh.exec', 'agent'],
    ['anything', 'flow'],
    ['memoryless', 'flow'],
    ['peek', 'flow'],
    ['mcp.files.list', 'mcp'],
    ['mcp.files.read', 'mcp'],
    ['mcp', 'flow'],
  ];
  for (const [name, mode] of rows) {
    it(`is ${mode} for ${name}, and says why`, async () => {
      const chosen = await chooseMode(name, all);
      assert.equal(chosen?.intent.mode, mode);
      assert.match(chosen?.why ?? '', new RegExp(`^${mode}, because `));
    });
  }

  it('is the one in which the intent exists, where the table’s has none', async () => {
    const chosen = await chooseMode('fs.list', only('agent'));
    assert.deepEqual(chosen?.intent.mode, 'agent');
    assert.match(chosen?.why ?? '', /^agent, because there is no fs.list in mode flow/);
    assert.equal((await chooseMode('memory.write', only('mcp')))?.intent.mode, 'mcp');
  });

  it('is none for an intent that does not exist', async () => {
    assert.equal(await chooseMode('nothing', () => Promise.resolve(undefined)), undefined);
  });
});
