import assert from 'node:assert/strict';
import { tools } from '../../../functions/agent-light/tools/registry.ts';
import { TOOLS, type ToolTerms } from '../../../functions/core/intents/tool-terms.ts';

describe('the tools', () => {
  it('are named the same by their terms and by the registry', () => {
    assert.deepEqual(Object.keys(tools).sort(), Object.keys(TOOLS).sort());
  });

  for (const [name, terms] of Object.entries<ToolTerms>(TOOLS)) {
    it(`${name} loads, refuses unknown fields, and says what it would do where it is dangerous`, async () => {
      const tool = await tools[name as keyof typeof tools]();
      const refusal = tool.inputs.safeParse({ 'no such field': 1 }).error;
      assert.ok(refusal?.issues.some((issue) => issue.code === 'unrecognized_keys'));
      assert.equal(typeof tool.dryRun, terms.dangerous ? 'function' : 'undefined');
      assert.ok(!(terms.dangerous && terms.reads), 'what only reads is no danger');
      assert.ok(terms.timeLimitSeconds > 0 && terms.timeLimitSeconds <= 540);
    });
  }
});
