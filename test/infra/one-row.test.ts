/** A row of the topology, changed as data: the bridge and the stack both follow it, and nothing else does. */

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { startDeliveries } from '../../emulator-bridge/deliveries.ts';
import { startIssuer } from '../../emulator-bridge/issuer.ts';
import { httpTransport } from '../../emulator-bridge/push-http.ts';
import { routeTable } from '../../emulator-bridge/routes.ts';
import { systemClock } from '../../functions/adapters/clock.ts';
import { openDatabase } from '../../functions/adapters/sqlite-database.ts';
import { sqliteQueue } from '../../functions/adapters/sqlite-queue.ts';
import { readSettings } from '../../functions/core/settings.ts';
import { type SubscriptionRow, type Topology, topology } from '../../functions/topology.ts';
import { quiet } from '../emulator-bridge/kit.ts';
import { temporaryFolder, until } from '../support/folder.ts';
import { httpListener } from '../support/http-listener.ts';
import { at, synthesized } from './synthesized.ts';

const NAME = 'sub-callbacks';
const row = topology.subscriptions[NAME] as SubscriptionRow;
const changed: Topology = {
  ...topology,
  subscriptions: {
    ...topology.subscriptions,
    [NAME]: {
      ...row,
      path: '/pubsub/elsewhere',
      filter: 'attributes.kind="wanted"',
      deadLetter: { topic: 'dead-callbacks', maxDeliveryAttempts: 6 },
    },
  },
};

describe('one changed row', () => {
  it('of a subscription changes that subscription of the stack, and nothing else', () => {
    const before = synthesized();
    const after = synthesized({}, changed);
    const differing = after.every.filter(
      ({ type, name, block }) => JSON.stringify(before.all(type)[name]) !== JSON.stringify(block),
    );
    assert.deepEqual(
      differing.map(({ name }) => name),
      [`subscription_${NAME}`],
    );
    const block = differing[0]?.block;
    assert.match(at(block, 'push_config', 'push_endpoint'), /\/pubsub\/elsewhere$/);
    assert.equal(at(block, 'filter'), 'attributes.kind="wanted"');
    assert.equal(at(block, 'dead_letter_policy', 'max_delivery_attempts'), 6);
  });

  it('of a subscription changes what the bridge pushes, where, and how often', async () => {
    const { pushes, dead } = await pushed(changed);
    assert.deepEqual([...new Set(pushes.map(({ path }) => path))], ['/pubsub/elsewhere']);
    assert.deepEqual([...new Set(pushes.map(({ data }) => data))], ['wanted']);
    assert.deepEqual(
      pushes.map(({ attempt }) => attempt),
      [1, 2, 3, 4, 5, 6],
    );
    assert.deepEqual(dead, ['wanted']);
  });

  it('of a function’s routes changes the bridge’s routing and the balancer’s map', () => {
    const dispatch = topology.functions.dispatch as Topology['functions'][string];
    const moved = { ...topology, functions: { ...topology.functions, dispatch: { ...dispatch, routes: ['/v2'] } } };
    const paths = (from: Topology) => {
      const [map] = Object.values(
        synthesized({ publicFunctions: 'all', balancer: { domain: 'heliograph.example.com' } }, from).all('google_compute_url_map'),
      );
      return at<{ paths: string[] }[]>(map, 'path_matcher', 0, 'path_rule').flatMap((rule) => rule.paths);
    };
    for (const [from, path, elsewhere] of [
      [topology, '/dispatch', '/v2/tasks'],
      [moved, '/v2/tasks', '/dispatch'],
    ] as const) {
      const route = routeTable(from.functions);
      assert.equal(route(path), 'dispatch');
      assert.equal(route(elsewhere), undefined);
      const served = paths(from).map((one) => one.replace('/*', ''));
      assert.ok(served.some((prefix) => path.startsWith(prefix)));
      assert.ok(!served.some((prefix) => elsewhere.startsWith(prefix)));
    }
  });
});

/** Publishes one message that the changed filter wants and one that it does not, to an endpoint that never succeeds. */
async function pushed(from: Topology) {
  await using release = new AsyncDisposableStack();
  const folder = release.adopt(temporaryFolder(), async (it) => it.remove());
  const endpoint = release.adopt(await httpListener(() => ({ status: 503 })), (it) => it.close());
  const issuer = release.adopt(await startIssuer({ ...readSettings({}, { runtime: 'embedded' }) }), (it) => it.close());
  const database = release.adopt(openDatabase({ path: join(folder.path, 'data.db'), settles: 'at once' }), (it) => it.close());
  const queue = release.adopt(sqliteQueue(database, from, systemClock(), { backoffMinimumMs: 1, backoffMaximumMs: 2 }), (it) =>
    it.close(),
  );
  release.adopt(
    startDeliveries({
      settings: readSettings({}, { runtime: 'embedded' }),
      subscriptions: { [NAME]: from.subscriptions[NAME] as SubscriptionRow },
      source: queue,
      issuer,
      transport: ({ path }) => httpTransport(endpoint.url + path, 4),
      log: quiet,
    }),
    (it) => it.stop(0),
  );
  const dead: string[] = [];
  release.defer(
    queue.pull('sub-dead-callbacks', 10, (delivery) => {
      dead.push(String(delivery.data));
      delivery.ack();
    }) as () => Promise<void>,
  );
  for (const kind of ['unwanted', 'wanted']) await queue.publish('callbacks', { data: kind, attributes: { kind } });
  await until(() => dead.length === 1);
  const pushes = endpoint.received.map(({ path, body }) => {
    const { message, deliveryAttempt } = JSON.parse(body);
    return { path, data: Buffer.from(message.data, 'base64').toString(), attempt: deliveryAttempt as number };
  });
  return { pushes, dead };
}
