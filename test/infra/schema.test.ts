import assert from 'node:assert/strict';
import { schemaOf, violations } from './provider-schema.ts';
import { type Block, environmentOf, full, synthesized } from './synthesized.ts';

describe('the stack: in the provider’s words', () => {
  for (const [name, settings] of Object.entries({ small: {}, full })) {
    it(`has no attribute that is unknown, missing or of another type, with ${name} settings`, () => {
      const found = synthesized(settings).every.flatMap(({ type, block }) => violations(type, block));
      assert.deepEqual(found, []);
    });
  }

  it('knows the provider: attributes, blocks inside blocks, what is required', () => {
    const { root, interfaces } = schemaOf('google_pubsub_subscription');
    assert.equal(root, 'PubsubSubscriptionConfig');
    assert.deepEqual(interfaces.get('PubsubSubscriptionPushConfig')?.get('push_endpoint'), { required: true, type: 'string' });
    assert.equal(interfaces.get(root)?.get('ack_deadline_seconds')?.type, 'number');
  });

  const [subscription] = Object.values(synthesized().all('google_pubsub_subscription'));
  const rows: [what: string, change: Block, wanted: RegExp][] = [
    ['an unknown attribute', { ack_deadline: 20 }, /\.ack_deadline: is unknown$/],
    ['a missing one', { name: undefined }, /\.name: is no string$/],
    ['a text for a number', { ack_deadline_seconds: '20' }, /\.ack_deadline_seconds: is no number$/],
    ['a missing one inside a block', { push_config: {} }, /\.push_config\.push_endpoint: is missing$/],
    ['an unknown one inside a block', { expiration_policy: { ttl: '', never: true } }, /\.expiration_policy\.never: is unknown$/],
  ];
  for (const [what, change, wanted] of rows) {
    it(`would see ${what}`, () => {
      const found = violations('google_pubsub_subscription', { ...subscription, ...change });
      assert.equal(found.length, 1);
      assert.match(found[0] ?? '', wanted);
    });
  }

  it('would see a type that the provider does not have', () => {
    assert.throws(() => violations('google_pubsub_queue', environmentOf()), /pubsub-queue/);
  });
});
