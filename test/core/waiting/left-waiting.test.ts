import assert from 'node:assert/strict';
import { endOrSetBack } from '../../../functions/core/agent/stopped.ts';
import { packetSchema, timed } from '../../../functions/core/packet.ts';
import { stopOf } from '../../../functions/core/registry/switches.ts';
import type { Runtime } from '../../../functions/core/runtime.ts';
import { setBackIfPaused } from '../../../functions/core/waiting/set-back.ts';
import { startTask } from '../../../functions/core/waiting/start-task.ts';
import { until } from '../../support/folder.ts';
import { type EmbeddedTestStack, embeddedStack } from '../../support/stack-embedded.ts';

describe('a task that was set back', function () {
  this.timeout(20_000);
  let stack: EmbeddedTestStack;
  let runtime: Runtime;
  before(async () => {
    stack = await embeddedStack({ 'times.republishMs': 60_000, 'times.switchesMs': 50 });
    runtime = { ...stack.runtime('dispatch'), messages: { publish: async () => '', close: async () => {} } };
  });
  after(() => stack.stop());

  it('waits on, whoever knew it as queued and finds its agent off', async () => {
    const packet = timed(packetSchema.parse({ agent: 'light', payload: {} }), Date.now());
    const agent = runtime.agents.find('light');
    assert.ok(agent !== undefined && !('rule' in packet));
    const { known } = await startTask(runtime, { tenant: 'default', agent, packet, by: 'test' });
    assert.equal(known.task.status, 'queued');
    await stack.post('/pause', { all: true });
    await until(async () => setBackIfPaused(runtime, await stack.stored(known.id)));
    await stack.post('/agents/light/disable', {});
    await until(async () => (await stopOf(runtime, 'default', 'light')) !== undefined);
    assert.equal(await endOrSetBack(runtime, known), true);
    const { task } = await stack.stored(known.id);
    assert.deepEqual([task.status, task.waitingFor], ['waiting', ['resume']]);
  });
});
