import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { systemClock } from '../../functions/adapters/clock.ts';
import { pubsubSubscriptions } from '../../functions/adapters/pubsub.ts';
import { topology } from '../../functions/topology.ts';
import { bundleFunction } from '../../scripts/bundle/bundle-function.ts';
import { describeWithEmulators } from '../support/emulators.ts';
import { temporaryFolder, until } from '../support/folder.ts';
import { startBundle, unpack } from './bundles.ts';

describeWithEmulators('the client libraries inside a bundle', () => {
  it('create a document and publish a message', async function () {
    this.timeout(120_000);
    await using release = new AsyncDisposableStack();
    const folder = release.adopt(temporaryFolder(), async (it) => it.remove());
    const project = `heliograph-${randomBytes(4).toString('hex')}`;
    const queue = release.adopt(pubsubSubscriptions({ projectId: project, topology, clock: systemClock() }), (it) => it.close());
    await queue.createTopology();
    unpack(await bundleFunction('dispatch'), folder.path);
    const { child, url } = await startBundle(folder.path, ['index.mjs'], {
      ORCHESTRATOR_PROJECT: project,
      ORCHESTRATOR_AUTH: 'open',
      PUBSUB_EMULATOR_HOST: process.env.PUBSUB_EMULATOR_HOST as string,
      FIRESTORE_EMULATOR_HOST: process.env.FIRESTORE_EMULATOR_HOST as string,
      METADATA_SERVER_DETECTION: 'none',
    });
    release.defer(async () => {
      child.kill('SIGKILL');
      await once(child, 'exit');
    });
    const published: string[] = [];
    release.defer(
      queue.pull('sub-light', 10, (delivery) => {
        published.push(JSON.parse(String(delivery.data)).taskId);
        delivery.ack();
      }) as () => Promise<void>,
    );
    const response = await fetch(`${url}/dispatch`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ agent: 'light', mode: 'pubsub', payload: { text: 'in a bundle' } }),
    });
    const task = (await response.json()) as { id: string; status: string };
    assert.deepEqual([response.status, task.status], [202, 'queued']);
    const read = await fetch(`${url}/task/${task.id}`);
    assert.deepEqual(((await read.json()) as { payload: unknown }).payload, { text: 'in a bundle' });
    await until(() => published.length > 0);
    assert.deepEqual(published, [task.id]);
  });
});
