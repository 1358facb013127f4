import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { packetSchema, timed } from '../../../functions/core/packet.ts';
import { SWITCHES, switchesId } from '../../../functions/core/registry/switches.ts';
import type { Runtime } from '../../../functions/core/runtime.ts';
import { resumeWaiting } from '../../../functions/core/waiting/admit-waiting.ts';
import { BACKUP, projectGate } from '../../../functions/core/waiting/gate-names.ts';
import { gateFailed, gatePassed } from '../../../functions/core/waiting/gates.ts';
import { setBackIfPaused } from '../../../functions/core/waiting/set-back.ts';
import { releaseResource, takeResource } from '../../../functions/core/waiting/slots.ts';
import { startTask } from '../../../functions/core/waiting/start-task.ts';
import { proceed } from '../../../functions/core/waiting/waiting.ts';
import { until } from '../../support/folder.ts';
import { type EmbeddedTestStack, embeddedStack } from '../../support/stack-embedded.ts';

describe('the gates of a modification', function () {
  this.timeout(20_000);
  let stack: EmbeddedTestStack;
  let runtime: Runtime;
  const published: string[] = [];
  before(async () => {
    stack = await embeddedStack({ 'times.republishMs': 60_000, 'times.switchesMs': 50 });
    // Nobody takes the backups, or runs the tasks, but these tests.
    const publish = async (topic: string) => String(published.push(topic));
    runtime = { ...stack.runtime('dispatch'), messages: { publish, close: async () => {} } };
  });
  after(() => stack.stop());

  let number = 0;
  const project = (): string => String(++number).padStart(40, '0');
  async function modification(projectId: string) {
    const packet = timed(packetSchema.parse({ agent: 'light', payload: {}, modifies: true, projectId }), Date.now());
    const agent = runtime.agents.find('light');
    assert.ok(agent !== undefined && !('rule' in packet));
    const { known } = await startTask(runtime, { tenant: 'default', agent, packet, by: 'test' });
    return stack.stored(known.id);
  }
  const stateOf = async (id: string) => {
    const { task } = await stack.stored(id);
    return [task.status, task.waitingFor, task.backupId] as const;
  };
  /** Not over HTTP: whoever resumes there asks those for a backup who take one. */
  async function resumed(): Promise<void> {
    await stack.control.commit([{ kind: 'delete', collection: SWITCHES, id: switchesId('default') }]);
    await resumeWaiting(runtime, 'default', Date.now() + 5_000);
  }
  const passed = (known: Awaited<ReturnType<typeof modification>>, backupId: string) =>
    gatePassed(runtime, known, BACKUP, { set: { backupId } });

  it('lets it go on once its backup is there, and asks for that once it has its project', async () => {
    const projectId = project();
    const before = published.length;
    const first = await modification(projectId);
    const second = await modification(projectId);
    assert.deepEqual(await stateOf(first.id), ['waiting', ['backup'], undefined]);
    assert.deepEqual(await stateOf(second.id), ['waiting', [`project:${projectId}`, 'backup'], undefined]);
    assert.deepEqual(published.slice(before), ['backups']);
    assert.equal((await passed(second, 'too early')).kind, 'moved');
    assert.equal((await passed(first, 'first')).kind, 'counted');
    assert.equal((await passed(first, 'again')).kind, 'moved');
    assert.deepEqual(await stateOf(first.id), ['queued', undefined, 'first']);
  });

  it('does not count a backup from before it gave its project up and took it again', async () => {
    const first = await modification(project());
    await passed(first, 'first');
    await stack.post('/pause', { all: true });
    await until(async () => setBackIfPaused(runtime, await stack.stored(first.id)));
    assert.deepEqual((await stateOf(first.id))[1]?.[0], 'resume');
    await resumed();
    assert.equal((await passed(first, 'first')).kind, 'moved');
    assert.deepEqual(await stateOf(first.id), ['waiting', ['backup'], undefined]);
    assert.equal((await passed(await stack.stored(first.id), 'second')).kind, 'counted');
    assert.deepEqual(await stateOf(first.id), ['queued', undefined, 'second']);
  });

  it('gives its project up when it is paused while it waits for its backup', async () => {
    const projectId = project();
    const [first, second] = [await modification(projectId), await modification(projectId)];
    await stack.post('/pause', { all: true });
    await until(
      async () =>
        (await proceed(runtime, await stack.stored(first.id), 'sweeper')) && (await stateOf(first.id))[1]?.[0] === 'resume',
    );
    assert.deepEqual((await stateOf(first.id))[1], ['resume', projectGate(projectId), 'backup']);
    assert.equal((await passed(first, 'first')).kind, 'moved');
    // The next in line is paused as well; whoever rolls back is not.
    assert.deepEqual((await stateOf(second.id))[1], ['resume', projectGate(projectId), 'backup']);
    assert.equal(await takeResource(runtime, 'default', projectGate(projectId), 'a rollback'), true);
    await resumed();
    await releaseResource(runtime, 'default', projectGate(projectId), 'a rollback');
    assert.deepEqual((await stateOf(first.id))[1], ['backup']);
  });

  it('fails it with its backup, and lets the next have the project', async () => {
    const projectId = project();
    const [first, second] = [await modification(projectId), await modification(projectId)];
    const error = { code: 'backup_failed', message: 'The disk is full.' };
    assert.equal((await gateFailed(runtime, first, error)).kind, 'counted');
    const { task } = await stack.stored(first.id);
    assert.deepEqual([task.status, task.error, task.attempts, task.pending], ['failed', error, 0, undefined]);
    assert.deepEqual(await stateOf(second.id), ['waiting', ['backup'], undefined]);
  });

  it('has it wait for whoever else has the project to himself', async () => {
    const projectId = project();
    const gate = projectGate(projectId);
    const take = (holder: string, forMs?: number) => takeResource(runtime, 'default', gate, holder, forMs);
    assert.deepEqual([await take('a rollback'), await take('a rollback'), await take('another')], [true, true, false]);
    const task = await modification(projectId);
    assert.deepEqual((await stateOf(task.id))[1], [gate, 'backup']);
    await releaseResource(runtime, 'default', gate, 'another');
    assert.deepEqual((await stateOf(task.id))[1], [gate, 'backup']);
    await releaseResource(runtime, 'default', gate, 'a rollback');
    assert.deepEqual((await stateOf(task.id))[1], ['backup']);
    assert.equal(await take('a rollback'), false);
  });

  it('gives to others what somebody held for too long', async () => {
    const projectId = project();
    const take = (holder: string) => takeResource(runtime, 'default', projectGate(projectId), holder, 30);
    assert.equal(await take('one that crashed'), true);
    await pause(40);
    assert.equal(await take('another'), true);
    await pause(40);
    assert.deepEqual(await stateOf((await modification(projectId)).id), ['waiting', ['backup'], undefined]);
  });
});
