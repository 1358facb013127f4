import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { Refusal } from '../support/stack.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';
import { client, makeProject, projectRoot, seen, spoil } from './kit.ts';

describe('what is said of one project', function () {
  this.timeout(60_000);
  const root = projectRoot();
  let stack: EmbeddedTestStack;
  before(async () => {
    stack = await embeddedStack({ projectRoots: [root.path], 'times.backupWaitMs': 20_000 });
  });
  after(async () => {
    await stack.stop();
    root.remove();
  });
  const { submit } = client(() => stack);
  const submitted = async (name: string) => {
    const path = makeProject(join(root.path, name));
    const { status, body } = await submit(path);
    assert.equal(status, 200, JSON.stringify(body));
    return { path, ...body };
  };

  it('rolls back no other: a backup of another one is not found, and neither is touched', async () => {
    const [one, other] = [await submitted('one'), await submitted('another')];
    for (const { path } of [one, other]) spoil(path);
    const before = [seen(one.path), seen(other.path)];
    for (const query of [`project_id=${one.project_id}`, `project_path=${encodeURIComponent(one.path)}`]) {
      const { status, body } = await stack.post<Refusal>(`/rollback/${other.backup_id}?${query}`, {});
      assert.deepEqual([status, body.code], [400, 'backup_not_found'], query);
    }
    assert.deepEqual([seen(one.path), seen(other.path)], before);
  });

  it('shows, checks and compares no backup of another one', async () => {
    const [one, other] = [await submitted('shown'), await submitted('not shown')];
    const own = `/projects/${one.project_id}`;
    const replies = [
      await stack.get<Refusal>(`${own}/backups/${other.backup_id}`),
      await stack.post<Refusal>(`${own}/backups/${other.backup_id}/verify`, {}),
      await stack.get<Refusal>(`${own}/diff?from=${other.backup_id}`),
      await stack.get<Refusal>(`${own}/diff?from=${one.backup_id}&to=${other.backup_id}`),
    ];
    for (const { status, body } of replies) assert.deepEqual([status, body.code], [404, 'backup_not_found']);
  });

  it('lets no task modify another one: its lock and its backup would be those of the wrong one', async () => {
    const [named, modified] = [await submitted('named'), await submitted('modified')];
    const packet = { mode: 'pubsub', modifies: true, projectId: named.project_id, payload: { project_path: modified.path } };
    const { status, body } = await stack.dispatch<Refusal>(packet);
    assert.deepEqual([status, body.code, body.errors?.[0]?.field], [422, 'project_mismatch', 'payload.project_path']);
    const { tasks } = (await stack.get<{ tasks: unknown[] }>('/tasks')).body;
    assert.deepEqual(tasks, []);
  });
});
