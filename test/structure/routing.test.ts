import assert from 'node:assert/strict';
import { accountEmail, functionUrl, pushAudience } from '../../functions/core/addresses.ts';
import { agentRegistry } from '../../functions/core/registry/agents.ts';
import { readSettings } from '../../functions/core/settings.ts';
import { compileFilter } from '../../functions/core/subscription-filter.ts';
import { topology } from '../../functions/topology.ts';

const subscriptionsOf = (topic: string, attributes: Record<string, string>): string[] =>
  Object.entries(topology.subscriptions)
    .filter(([, row]) => row.topic === topic && compileFilter(row.filter)(attributes))
    .map(([name]) => name);

describe('a message on tasks goes', () => {
  const rows: [string, Record<string, string>, string[]][] = [
    ['for light to sub-light', { agent: 'light' }, ['sub-light']],
    ['for codex, as dispatch publishes it, to sub-codex alone', { agent: 'codex', direct: '1' }, ['sub-codex']],
    ['for codex without the mark to both: agent-light acknowledges it', { agent: 'codex' }, ['sub-light', 'sub-codex']],
    ['for a registered HTTP agent to sub-light', { agent: 'remote' }, ['sub-light']],
    ['without attributes to sub-light', {}, ['sub-light']],
    ['for an agent spelt otherwise to sub-light', { agent: 'Codex' }, ['sub-light']],
  ];
  for (const [name, attributes, wanted] of rows) it(name, () => assert.deepEqual(subscriptionsOf('tasks', attributes), wanted));
});

describe('the agents of a Heliograph', () => {
  const agents = [
    { name: 'remote', endpoint: 'https://agent.example/run', priceCents: 2.5, timeLimitSeconds: 9 },
    { name: 'light', endpoint: 'https://evil.example/run', priceCents: 0 },
  ];
  const settings = readSettings({}, { agents, agentCostPerRunCents: 7 });
  const registry = agentRegistry(settings);

  it('are the built-in ones and the operator’s, none of which takes a built-in name', () => {
    assert.deepEqual(registry.names, ['codex', 'light', 'remote']);
    assert.equal(registry.find('light')?.priceMicros, 70_000);
    assert.equal(registry.find('nobody'), undefined);
    assert.equal(registry.find('constructor'), undefined);
  });

  const rows: [string, string, boolean, number][] = [
    ['light', 'agent-light', false, 70_000],
    ['codex', 'codex', true, 70_000],
    ['remote', 'agent-light', false, 25_000],
  ];
  for (const [name, functionName, direct, priceMicros] of rows) {
    it(`${name} runs at ${functionName}`, () => {
      const agent = registry.find(name);
      assert.deepEqual(
        [agent?.runs.function, agent?.direct !== undefined, agent?.priceMicros],
        [functionName, direct, priceMicros],
      );
    });
  }

  it('run no longer than their own limit and 540 s', () => {
    assert.deepEqual([registry.find('remote')?.timeLimitMs, registry.find('light')?.timeLimitMs], [9_000, 540_000]);
  });
});

describe('names made from names', () => {
  const cloud = readSettings({}, { project: 'acme-prod', projectNumber: '42', region: 'europe-west1' });
  const named = readSettings(
    {},
    {
      'oidc.pushAudience': 'https://p.example',
      'oidc.resultsAudience': 'https://r.example',
      functionUrls: { dispatch: 'https://d.example/' },
    },
  );
  const rows: [string, string, string][] = [
    ['a function’s own URL', functionUrl(cloud, 'results'), 'https://heliograph-results-42.europe-west1.run.app'],
    ['a URL of the settings, without its final slash', functionUrl(named, 'dispatch'), 'https://d.example'],
    ['an account', accountEmail(cloud, 'codex'), 'heliograph-codex@acme-prod.iam.gserviceaccount.com'],
    ['the audience of a push', pushAudience(cloud, 'codex', '/pubsub/push'), functionUrl(cloud, 'codex')],
    ['the audience of the light agent’s push, as set', pushAudience(named, 'agent-light', '/pubsub/push'), 'https://p.example'],
    [
      'the audience of the light agent’s /run, which is not a push',
      pushAudience(named, 'agent-light', '/run'),
      functionUrl(named, 'agent-light'),
    ],
    ['the audience of codex, for which none is set', pushAudience(named, 'codex', '/pubsub/push'), functionUrl(named, 'codex')],
    ['the audience of results, as set', pushAudience(named, 'results', '/pubsub/results'), 'https://r.example'],
  ];
  for (const [name, made, wanted] of rows) it(name, () => assert.equal(made, wanted));
});
