/** What has to be there, and to be felt everywhere, before what. Terraform makes the rest side by side. */

import assert from 'node:assert/strict';
import { type Block, full, synthesized } from './synthesized.ts';

describe('the stack: in which order', () => {
  const stack = synthesized(full);
  const waitsOf = (block: Block | undefined) => (block?.depends_on ?? []) as string[];
  const [apis, builder] = ['settled_apis', 'settled_builder'].map((name) => stack.all('time_sleep')[name]);
  const agent = 'google_project_service_identity.pubsub_agent';

  it('makes nothing before its API is on', () => {
    const services = stack.all('google_project_service');
    for (const { type, name, block } of stack.every) {
      if (type === 'google_project_service' || type === 'time_sleep') continue;
      const waits = waitsOf(block).filter((one) => one.startsWith('google_project_service.'));
      assert.ok(waits.length > 0, name);
      for (const one of waits) assert.ok(services[one.split('.')[1] as string], one);
    }
  });

  it('waits a minute after the APIs and Pub/Sub’s account, and makes everything else after that', () => {
    assert.equal(apis?.create_duration, '60s');
    const services = Object.keys(stack.all('google_project_service')).map((name) => `google_project_service.${name}`);
    assert.deepEqual([...waitsOf(apis)].sort(), [...services, agent].sort());
    for (const { type, name, block } of stack.every) {
      if (type.startsWith('google_project_service') || name === 'settled_apis') continue;
      assert.ok(waitsOf(block).includes('time_sleep.settled_apis'), name);
    }
  });

  it('waits again when another API joins them', () => {
    const small = synthesized().all('time_sleep').settled_apis;
    assert.notDeepEqual(small?.triggers, apis?.triggers);
    assert.deepEqual(synthesized({ backupRetentionDays: 3 }).all('time_sleep').settled_apis?.triggers, small?.triggers);
  });

  it('has Pub/Sub’s account made by the beta provider, of the same version and for the same project', () => {
    const { '//': _, ...block } = stack.all('google_project_service_identity').pubsub_agent ?? {};
    assert.deepEqual(block, {
      provider: 'google-beta',
      service: 'pubsub.googleapis.com',
      depends_on: ['google_project_service.api_pubsub'],
    });
    const { terraform, provider } = stack.json as unknown as {
      terraform: { required_providers: Record<string, { version: string }> };
      provider: Record<string, Block[]>;
    };
    const { google, 'google-beta': beta } = terraform.required_providers;
    assert.equal(beta?.version, google?.version);
    for (const name of ['project', 'billing_project', 'user_project_override']) {
      assert.equal(provider['google-beta']?.[0]?.[name], provider.google?.[0]?.[name]);
    }
  });

  it('builds no function before a minute has passed since the builder got the last of its roles', () => {
    const grants = stack.every.filter(({ block }) => stack.resolve(block.member).includes('heliograph-build@'));
    assert.equal(grants.length, 4);
    assert.equal(builder?.create_duration, '60s');
    for (const { type, name } of grants) assert.ok(waitsOf(builder).includes(`${type}.${name}`), name);
    for (const [name, block] of Object.entries(stack.all('google_cloudfunctions2_function'))) {
      assert.ok(waitsOf(block).includes('time_sleep.settled_builder'), name);
    }
  });

  it('has no circle', () => {
    const known = new Set<string>(stack.every.map(({ type, name }) => `${type}.${name}`));
    const edges = new Map(
      stack.every.map(({ type, name, block }) => {
        const found = [...JSON.stringify(block).matchAll(/\b([a-z][a-z0-9_]+\.[\w-]+)/g)].map(([, one = '']) => one);
        return [String(`${type}.${name}`), found.filter((one) => known.has(one))] as const;
      }),
    );
    assert.ok([...edges.values()].flat().length > 500);
    const done = new Set<string>();
    const visit = (at: string, path: readonly string[]): void => {
      assert.ok(!path.includes(at), [...path, at].join(' → '));
      if (done.has(at)) return;
      for (const next of edges.get(at) ?? []) visit(next, [...path, at]);
      done.add(at);
    };
    for (const at of edges.keys()) visit(at, []);
  });
});
