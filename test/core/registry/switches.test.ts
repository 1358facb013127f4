import assert from 'node:assert/strict';
import type { Documents } from '../../../functions/core/ports.ts';
import {
  abortOf,
  approvalPolicyOf,
  pauseOf,
  SWITCHES,
  type Switches,
  stopOf,
  switchesId,
  watchStop,
} from '../../../functions/core/registry/switches.ts';
import type { TaskError } from '../../../functions/core/task.ts';
import { until } from '../../support/folder.ts';
import { type EmbeddedTestStack, embeddedStack } from '../../support/stack-embedded.ts';

const SWITCHES_MS = 100;
const off: Switches = { 'agent:a': { state: 'off', at: 1, by: 'test' } };

describe('the switchboard as an instance sees it', () => {
  let stack: EmbeddedTestStack;
  before(async () => {
    stack = await embeddedStack({ 'times.switchesMs': SWITCHES_MS });
  });
  after(() => stack.stop());

  /** An instance of its own, that counts how often it reads; `fails` puts the store out of reach for it. */
  async function instance(tenant: string) {
    const board = { reads: 0, fails: false };
    const { control, ...runtime } = stack.runtime('agent-light');
    const get: Documents['get'] = async (collection, id) => {
      board.reads += 1;
      if (board.fails) throw new Error('out of reach');
      return control.get(collection, id);
    };
    const id = switchesId(tenant);
    async function set(switches: Switches): Promise<void> {
      const known = await stack.control.get(SWITCHES, id);
      const write = { collection: SWITCHES, id, data: { tenant, switches } };
      await stack.control.commit([known ? { ...write, kind: 'replace', version: known.version } : { ...write, kind: 'create' }]);
    }
    await set({});
    return { board, set, runtime: { ...runtime, control: { ...control, get } } };
  }

  it('is read once for many who ask within the time, and again after it', async () => {
    const { board, runtime } = await instance('t2');
    await Promise.all(Array.from({ length: 50 }, () => stopOf(runtime, 't2', 'a')));
    await stopOf(runtime, 't2', 'b');
    assert.equal(board.reads, 1);
    await runtime.clock.sleep(SWITCHES_MS + 10);
    await stopOf(runtime, 't2', 'a');
    assert.equal(board.reads, 2);
  });

  it('refuses nobody by what it remembers', async () => {
    const { set, runtime } = await instance('t3');
    await set(off);
    assert.equal((await stopOf(runtime, 't3', 'a'))?.code, 'agent_disabled');
    await set({});
    assert.equal(await stopOf(runtime, 't3', 'a'), undefined);
  });

  it('has pauses and an emergency stop beside what is off, of which the widest is named', async () => {
    const { set, runtime } = await instance('t9');
    const by = { at: 1, by: 'test' };
    const paused = { state: 'paused', ...by } as const;
    const rows: [switches: Switches, paused: string | undefined, aborted: string | undefined][] = [
      [{ 'pause:agent:a': paused }, 'pause:agent:a', undefined],
      [{ 'pause:agent:a': paused, 'pause:project:p': paused }, 'pause:project:p', undefined],
      [{ 'pause:agent:b': paused, 'pause:project:q': paused }, undefined, undefined],
      [{ 'pause:agent:a': paused, 'pause:all': paused }, 'pause:all', undefined],
      [{ 'pause:all': paused, 'stop:all': { state: 'stopped', ...by } }, 'stop:all', 'stopped'],
      [{ ...off, 'stop:all': { state: 'stopped', ...by } }, 'stop:all', 'agent_disabled'],
      [off, undefined, 'agent_disabled'],
      [{}, undefined, undefined],
    ];
    for (const [switches, scope, code] of rows) {
      await set(switches);
      await runtime.clock.sleep(SWITCHES_MS + 10);
      assert.equal((await pauseOf(runtime, 't9', { agent: 'a', projectId: 'p' }))?.scope, scope, JSON.stringify(switches));
      assert.equal((await abortOf(runtime, 't9', 'a'))?.code, code, JSON.stringify(switches));
    }
    for (const name of ['constructor', '__proto__']) assert.equal(await pauseOf(runtime, 't9', { agent: name }), undefined);
  });

  it('holds up nobody by what it remembers, and costs one reading for all that it is asked', async () => {
    const { board, set, runtime } = await instance('t10');
    await set({ 'pause:all': { state: 'paused', at: 1, by: 'test' } });
    assert.equal((await pauseOf(runtime, 't10', { agent: 'a' }))?.code, 'paused');
    await set({});
    assert.equal(await pauseOf(runtime, 't10', { agent: 'a' }), undefined);
    const { reads } = board;
    for (let count = 0; count < 20; count++) {
      await pauseOf(runtime, 't10', { agent: 'a', projectId: 'p' });
      assert.equal(await approvalPolicyOf(runtime, 't10'), undefined);
    }
    assert.ok(board.reads <= reads + 1);
  });

  it('is one per tenant', async () => {
    const { set, runtime } = await instance('t4');
    await set(off);
    assert.equal(await stopOf(runtime, 'another', 'a'), undefined);
    assert.equal((await stopOf(runtime, 't4', 'a'))?.code, 'agent_disabled');
  });

  it('knows no agents by the names of an object’s own', async () => {
    const { runtime } = await instance('t5');
    for (const name of ['constructor', '__proto__', 'toString']) assert.equal(await stopOf(runtime, 't5', name), undefined);
  });

  it('is read by all who watch it together, only while somebody does', async () => {
    const { board, set, runtime } = await instance('t6');
    await stopOf(runtime, 't6', 'a');
    const stopped: TaskError[] = [];
    const ends = Array.from({ length: 20 }, () => watchStop(runtime, 't6', 'a', (error) => stopped.push(error)));
    await runtime.clock.sleep(SWITCHES_MS * 3.5);
    assert.ok(board.reads >= 3 && board.reads <= 5, `${board.reads}`);
    assert.deepEqual(stopped, []);
    await set(off);
    await until(() => stopped.length >= 20, 1_000);
    for (const end of ends) end();
    const { reads } = board;
    await runtime.clock.sleep(SWITCHES_MS * 2.5);
    assert.equal(board.reads, reads);
  });

  it('lets run on what runs while it is out of reach, and stops it as soon as it is back', async () => {
    const { board, set, runtime } = await instance('t7');
    await stopOf(runtime, 't7', 'a');
    await set(off);
    board.fails = true;
    const stopped: TaskError[] = [];
    const end = watchStop(runtime, 't7', 'a', (error) => stopped.push(error));
    await until(() => board.reads >= 4, 1_000);
    assert.deepEqual(stopped, []);
    board.fails = false;
    await until(() => stopped.length > 0, 1_000);
    end();
  });

  it('starts nothing while it is out of reach and what it remembers is too old', async () => {
    const { board, runtime } = await instance('t8');
    board.fails = true;
    await assert.rejects(stopOf(runtime, 't8', 'a'), /out of reach/);
    board.fails = false;
    assert.equal(await stopOf(runtime, 't8', 'a'), undefined);
  });
});
