import assert from 'node:assert/strict';
import { operatorOrigins } from '../../functions/adapters/runtime.ts';
import { readSettings } from '../../functions/core/settings.ts';

describe('the origins that an operator may reach on private networks', () => {
  it('are those of its agents, flows and functions, and of nothing else', () => {
    const settings = readSettings(
      {},
      {
        runtime: 'embedded',
        agents: [{ name: 'remote', endpoint: 'http://agent.internal:9000/run', priceCents: 1 }],
        intents: [
          { name: 'gmail.triage', mode: 'flow', target: 'http://n8n:5678/webhook/gmail-triage' },
          { name: 'files', mode: 'mcp', target: 'files/list' },
        ],
        functionUrls: { dispatch: 'http://127.0.0.1:8090' },
      },
    );
    assert.deepEqual(operatorOrigins(settings), ['http://agent.internal:9000', 'http://n8n:5678', 'http://127.0.0.1:8090']);
  });

  it('have to be addresses', () => {
    const intents = [{ name: 'gmail.triage', mode: 'flow', target: 'n8n' }];
    assert.throws(() => readSettings({}, { runtime: 'embedded', intents }), /is no http or https address/);
  });
});
