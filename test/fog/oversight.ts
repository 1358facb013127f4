/** Rows F11, F12 and F13: what there is and what happened can be seen, and people can hold it up. */

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../support/folder.ts';
import type { Refusal, View } from '../support/stack.ts';
import type { Fog } from './kit.ts';

interface State {
  readonly tasks: readonly View[];
  readonly agents: readonly { readonly name: string }[];
  readonly backups: readonly unknown[];
  readonly runs: readonly { readonly taskId: string }[];
  readonly next: Readonly<Record<string, string>>;
}
interface Entry {
  readonly event: string;
  readonly entity: string;
  readonly actor: string;
  readonly at: string;
}

export function showsTheState(fog: () => Fog): void {
  const state = async (query = '') => {
    const { status, body } = await fog().stack.get<State>(`/system-state${query}`);
    assert.equal(status, 200, JSON.stringify(body));
    return body;
  };

  it('lists tasks, agents, backups and runs', async () => {
    const { payload, open } = fog().agent.gate();
    const name = await fog().submit({ payload });
    const { id } = await fog().stack.reaches(name, 'running');
    const body = await state();
    assert.ok(body.tasks.some((task) => task.id === id));
    assert.ok(body.agents.some((agent) => agent.name === 'worker'));
    assert.ok(Array.isArray(body.backups));
    assert.ok(body.runs.some(({ taskId }) => taskId === id));
    open();
    await fog().ended(name);
    assert.ok((await state()).runs.every(({ taskId }) => taskId !== id));
  });

  it('comes in pages, filtered', async () => {
    for (let n = 0; n < 3; n++) await fog().ended(await fog().submit());
    const first = await state('?only=tasks&limit=2&status=succeeded&agent=worker');
    assert.equal(first.tasks.length, 2);
    const second = await state(`?only=tasks&limit=2&status=succeeded&agent=worker&cursor=${first.next.tasks}`);
    const ids = [...first.tasks, ...second.tasks].map(({ id }) => id);
    assert.equal(new Set(ids).size, 4 - (2 - second.tasks.length));
    assert.ok([...first.tasks, ...second.tasks].every(({ status, agent }) => status === 'succeeded' && agent === 'worker'));
    assert.deepEqual((await state('?limit=0')).tasks, []);
  });
}

export function keepsAnAudit(fog: () => Fog): void {
  const audit = async (query: string) => {
    const { status, body } = await fog().stack.get<{ entries: Entry[] }>(`/audit?${query}`);
    assert.equal(status, 200, JSON.stringify(body));
    return body.entries;
  };
  const eventsAbout = async (query: string) => (await audit(query)).map(({ event }) => event).reverse();

  it('has a task’s way: enqueued, processing, finished', async () => {
    const name = await fog().submit();
    await fog().ended(name);
    assert.deepEqual(await eventsAbout(`taskId=${name}`), ['queued', 'running', 'succeeded']);
  });

  it('has its retries, and that they are exhausted', async () => {
    const name = await fog().submit({ payload: { fail: true }, max_retries: 2 });
    await fog().ended(name);
    assert.deepEqual(await eventsAbout(`taskId=${name}`), ['queued', 'running', 'retry', 'running', 'dead']);
  });

  it('has that an agent was registered', async () => {
    await fog().stack.post('/register-agent', { name: 'audited', endpoint: fog().agent.url });
    assert.deepEqual(await eventsAbout('entity=agent:audited'), ['registered']);
  });

  it('has what happened to a project: submitted, backed up, rolled back; also what failed', async () => {
    const path = fog().project();
    const { body } = await fog().stack.post<{ backup_id: string }>('/submit-project', { project_path: path });
    const { projects } = (
      await fog().stack.get<{ projects: { project_id: string; project_path: string }[] }>('/projects?limit=200')
    ).body;
    const project_id = projects.find(({ project_path }) => project_path === path)?.project_id;
    await until(async () => (await eventsAbout(`entity=project:${project_id}`)).includes('backup_created'));
    assert.equal((await fog().stack.post(`/rollback/${body.backup_id}`, {})).status, 200);
    const events = await eventsAbout(`entity=project:${project_id}`);
    for (const event of ['project_submitted', 'backup_created', 'rolled_back']) assert.ok(events.includes(event), `${events}`);
  });

  it('gives none for a limit of 0, not all', async () => {
    assert.deepEqual(await audit('limit=0'), []);
  });

  it('says who, when, and is chained', async () => {
    const [entry] = await audit('limit=1');
    assert.ok(entry?.actor);
    assert.ok(Math.abs(Date.now() - Date.parse(String(entry?.at))) < 600_000);
    assert.match(String((entry as unknown as { hash: string }).hash), /^[\w-]{43}$/);
  });
}

export function obeysPeople(fog: () => Fog): void {
  interface Open {
    readonly taskId: string;
    readonly hash: string;
  }
  const policy = async (taskTypes: string[]) => {
    assert.equal((await fog().stack.put('/policies/approvals', { taskTypes })).status, 200);
  };
  const open = async (id: string): Promise<Open | undefined> =>
    (await fog().stack.get<{ approvals: Open[] }>('/approvals?limit=200')).body.approvals.find(({ taskId }) => taskId === id);
  const decide = <T = View>(id: string, body: object) => fog().stack.post<T>(`/approvals/${id}`, body);
  /** A switch acts within the time; until then a task may get through. */
  const waiting = async (part: object = {}): Promise<string> => {
    let name = '';
    await until(async () => {
      name = await fog().submit(part);
      return (await fog().status(name)).status === 'waiting';
    });
    return name;
  };
  const go = async (path: string, body: object = {}) => {
    const { status, body: reply } = await fog().stack.post<unknown>(path, body);
    assert.equal(status, 200, JSON.stringify(reply));
  };

  describe('with approvals of deployments and modifications', () => {
    before(() => policy(['deployment', 'modification']));
    after(() => policy([]));

    it('runs a deployment once it is approved, as it was looked at', async () => {
      const name = await waiting({ task_type: 'deployment' });
      const { id, waitingFor } = await fog().status(name);
      assert.deepEqual(waitingFor, ['approval']);
      const { hash } = (await open(id)) as Open;
      assert.equal((await decide<Refusal>(id, { decision: 'approve', hash: 'another' })).body.code, 'approval_changed');
      assert.equal((await decide(id, { decision: 'approve', hash })).status, 200);
      assert.equal((await fog().ended(name)).status, 'succeeded');
      assert.equal(await open(id), undefined);
    });

    it('ends one that is rejected, and never calls the agent', async () => {
      const mark = randomUUID();
      const name = await waiting({ task_type: 'deployment', payload: { mark } });
      const { id } = await fog().status(name);
      assert.equal((await decide(id, { decision: 'reject', hash: (await open(id))?.hash, comment: 'not today' })).status, 200);
      const view = await fog().ended(name);
      assert.deepEqual([view.status, view.error?.code], ['cancelled', 'approval_rejected']);
      const marked = fog().agent.payloads.filter((payload) => payload.mark === mark);
      assert.equal(marked.length, 0);
    });

    it('backs a modification up once it is approved, and lets an analysis through', async () => {
      const path = fog().project();
      const name = await waiting({ task_type: 'modification', payload: { project_path: path, write: { 'main.py': 'approved' } } });
      const { id, backup_id } = await fog().status(name);
      assert.equal(backup_id, null);
      await decide(id, { decision: 'approve', hash: (await open(id))?.hash });
      assert.equal((await fog().ended(name)).status, 'succeeded');
      assert.equal(readFileSync(join(path, 'main.py'), 'utf8'), 'approved');
      assert.equal((await fog().ended(await fog().submit())).status, 'succeeded');
    });
  });

  for (const [what, path, body] of [
    ['everything', '', { all: true }],
    ['an agent', '/agents/worker', {}],
  ] as const) {
    it(`takes tasks while ${what} is paused, and runs them when it goes on`, async () => {
      await go(`${path}/pause`, body);
      const name = await waiting();
      assert.deepEqual((await fog().status(name)).waitingFor, ['resume']);
      await go(`${path}/resume`, body);
      assert.equal((await fog().ended(name)).status, 'succeeded');
    });
  }

  it('aborts what runs in an emergency, starts nothing, and keeps all of it', async () => {
    const { payload, open: let_go } = fog().agent.gate();
    const running = await fog().submit({ payload });
    await fog().stack.reaches(running, 'running');
    await go('/emergency-stop');
    await fog().stack.reaches(running, 'waiting');
    const name = await waiting();
    let_go();
    const { status } = await fog().stack.delete('/emergency-stop');
    assert.equal(status, 200);
    for (const one of [running, name]) assert.equal((await fog().ended(one)).status, 'succeeded');
  });

  it('switches an agent off and on', async () => {
    await go('/agents/worker/disable');
    const submit = () =>
      fog().stack.post<Refusal>('/submit-task', { system_name: 'worker', module_name: 'm', task_type: 'analysis' });
    await until(async () => (await submit()).body.code === 'agent_disabled');
    await go('/agents/worker/enable');
    await until(async () => (await submit()).status === 200);
  });
}
