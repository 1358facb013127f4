import assert from 'node:assert/strict';
import type { GatedAgent } from '../support/gated-agent.ts';
import type { Refusal, TestStack, View } from '../support/stack.ts';
import { aProject, type Held } from './pausing.ts';

interface State extends Held {
  readonly tasks?: readonly View[];
  readonly agents?: readonly { readonly name: string }[];
  readonly backups?: readonly { readonly backup_id: string; readonly status: string }[];
  readonly runs?: readonly { readonly taskId: string; readonly attempt: number; readonly epoch: number; readonly agent: string }[];
  readonly next: Readonly<Record<string, string>>;
  readonly counts: Readonly<Record<string, number>>;
}

/** What `GET /system-state` shows on every runtime. */
export function looking(stackOf: () => TestStack, agentOf: () => GatedAgent): void {
  const state = async (query = ''): Promise<State> => {
    const { status, body } = await stackOf().get<State>(`/system-state${query}`);
    assert.equal(status, 200, JSON.stringify(body));
    return body;
  };

  it('shows tasks, agents, backups and runs, and what is held up', async () => {
    const { packet, open } = agentOf().gate();
    const running = (await stackOf().dispatch(packet)).body;
    await stackOf().reaches(running.id, 'running');
    const project = await aProject(stackOf(), 'default');
    const backups = await someBackups(project, 3);
    const { tasks, agents, backups: shown, runs, paused, off, counts } = await state();
    assert.ok(tasks?.some(({ id }) => id === running.id));
    assert.ok(agents?.some(({ name }) => name === 'light'));
    assert.deepEqual(
      shown?.slice(0, 3).map((one) => one.backup_id),
      backups,
    );
    assert.deepEqual(
      runs?.map(({ taskId, agent, attempt, epoch }) => [taskId, agent, attempt, epoch]),
      [[running.id, 'gated', 1, 1]],
    );
    assert.deepEqual([paused, off, counts.runs], [[], [], 1]);
    open();
    await stackOf().ended(running.id);
    assert.deepEqual((await state('?only=runs')).runs, []);
    assert.deepEqual((await state(`?only=backups&project=${project}&limit=1`)).backups?.length, 1);
  });

  it('pages each list to its end, each thing once', async () => {
    for (const list of ['tasks', 'agents', 'backups'] as const) {
      const all = (await state(`?only=${list}&limit=200`))[list]?.length ?? 0;
      assert.ok(all >= 3, list);
      const seen = new Set<string>();
      let cursor: string | undefined = (await state('?limit=2')).next[list];
      for (const one of (await state('?limit=2'))[list] ?? []) seen.add(nameOf(one));
      while (cursor !== undefined) {
        const page: State = await state(`?only=${list}&limit=2&cursor=${cursor}`);
        for (const one of page[list] ?? []) {
          assert.ok(!seen.has(nameOf(one)), `${list}: ${nameOf(one)} twice`);
          seen.add(nameOf(one));
        }
        cursor = page.next[list];
      }
      assert.equal(seen.size, all, list);
    }
  });

  it('filters, gives nothing for a limit of 0, and takes no cursor without its list', async () => {
    const succeeded = (await state('?only=tasks&status=succeeded&limit=200')).tasks ?? [];
    assert.ok(succeeded.length > 0 && succeeded.every(({ status }) => status === 'succeeded'));
    assert.deepEqual(
      (await state('?only=tasks&agent=gated&limit=200')).tasks?.filter(({ agent }) => agent !== 'gated'),
      [],
    );
    const { tasks, agents, backups, runs, counts, next } = await state('?limit=0');
    assert.deepEqual([tasks, agents, backups, runs, counts, next], [[], [], [], [], {}, {}]);
    const bad = await stackOf().get<Refusal>('/system-state?cursor=x');
    assert.deepEqual([bad.status, bad.body.errors?.[0]?.field], [422, 'only']);
    assert.equal((await stackOf().get<Refusal>('/system-state?only=secrets')).status, 422);
  });

  async function someBackups(projectId: string, count: number): Promise<string[]> {
    const ids: string[] = [];
    for (let number = 0; number < count; number++) {
      const id = `backup-${projectId.slice(0, 8)}-${number}`;
      const record = { tenant: 'default', projectId, projectPath: '/p', kind: 'requested', description: '', by: 'test' };
      const data = { ...record, status: 'verified', createdAt: Date.now() + number };
      await stackOf().documents.commit([{ kind: 'create', collection: 'backups', id, data }]);
      ids.unshift(id);
    }
    return ids;
  }
}

const nameOf = (one: object): string => {
  const { id, name, backup_id: backup } = one as { id?: string; name?: string; backup_id?: string };
  return String(id ?? backup ?? name);
};
