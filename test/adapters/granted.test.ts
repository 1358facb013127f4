import assert from 'node:assert/strict';
import { type Grantable, granted } from '../../functions/adapters/granted.ts';
import type { Documents } from '../../functions/core/ports.ts';
import { type Role, topology } from '../../functions/topology.ts';

const bytes = Buffer.from('x');
const query = { equal: {}, orderBy: { field: 'createdAt', direction: 'asc' }, limit: 1 } as const;

/** Ports that let everything through. */
const documents: Documents = {
  get: async () => undefined,
  commit: async () => [],
  query: async () => ({ documents: [], at: 0 }),
  watch: () => () => {},
  close: async () => {},
};
const ports: Grantable = {
  documents,
  control: documents,
  messages: { publish: async (topic) => topic, close: async () => {} },
  subscriptions: { ensure: async () => {}, remove: async () => {} },
  objects: { put: async () => true, get: async () => bytes, delete: async () => {}, list: async () => ({ objects: [] }) },
  secrets: { read: async () => 'value', write: async () => {} },
};

/** Everything that a function may be given, and what it then does. */
const calls: readonly (readonly [needs: Role, call: (given: Grantable) => Promise<unknown>])[] = [
  ...(['tasks', 'control'] as const).flatMap((database) => {
    const of = (given: Grantable) => (database === 'tasks' ? given.documents : given.control);
    const read: Role = { kind: 'database', database, access: 'read' };
    return [
      [read, (given: Grantable) => of(given).get('any', 'id')],
      [read, (given: Grantable) => of(given).query('any', query)],
      [{ ...read, access: 'write' }, (given: Grantable) => of(given).commit([])],
    ] as const;
  }),
  ...Object.keys(topology.topics).map(
    (topic) =>
      [{ kind: 'publish', topic }, (given: Grantable) => given.messages.publish(topic, { data: '', attributes: {} })] as const,
  ),
  ...Object.keys(topology.topics).map((topic) => {
    const row = { ...topology.agentSubscription, topic, endpoint: 'https://agent.example/', email: 'push', audience: 'x' };
    return [{ kind: 'subscribe', topic }, (given: Grantable) => given.subscriptions.ensure('agent-x', row)] as const;
  }),
  [{ kind: 'subscribe', topic: 'tasks' }, (given) => given.subscriptions.remove('agent-x')],
  ...Object.keys(topology.buckets).flatMap((bucket) => {
    const read: Role = { kind: 'bucket', bucket, access: 'read' };
    return [
      [read, (given: Grantable) => given.objects.get(bucket, 'a')],
      [read, (given: Grantable) => given.objects.list(bucket, 'a')],
      [{ ...read, access: 'write' }, (given: Grantable) => given.objects.put(bucket, 'a', bytes, { ifAbsent: true })],
      [{ ...read, access: 'write' }, (given: Grantable) => given.objects.delete(bucket, 'a')],
    ] as const;
  }),
  ...topology.secrets.map((secret) => [{ kind: 'secret', secret }, (given: Grantable) => given.secrets.read(secret)] as const),
];

const topics = { tasks: 'tasks', results: 'results' };

/** Whether a role covers a need, said once more: every field the same, and write for read. */
const covers = (role: Role, need: Role): boolean =>
  Object.entries(need).every(([field, value]) => {
    const has = (role as unknown as Record<string, unknown>)[field];
    return has === value || (field === 'access' && has === 'write');
  });

describe('what a function is given', () => {
  for (const [name, { roles }] of Object.entries(topology.functions)) {
    it(`${name}: its roles, and nothing else`, async () => {
      const given = granted(name, roles, ports, { topics });
      const outcomes = await Promise.all(
        calls.map(async ([, call]) =>
          call(given).then(
            () => 'done',
            (error) => error.code,
          ),
        ),
      );
      assert.deepEqual(
        outcomes,
        calls.map(([need]) => (roles.some((role) => covers(role, need)) ? 'done' : 'not_granted')),
      );
      await assert.rejects(given.secrets.write('signing-key', 'x'), { code: 'not_granted' });
    });
  }

  it('tells a watcher, since nothing can be thrown at it', () => {
    const errors: unknown[] = [];
    const given = granted('codex', [], ports, { topics });
    given.documents.watch(
      'tasks',
      'id',
      () => assert.fail(),
      (error) => errors.push((error as { code?: string }).code),
    )();
    assert.deepEqual(errors, ['not_granted']);
  });

  it('knows a topic by the name that the settings give it', async () => {
    const given = granted('dispatch', [{ kind: 'publish', topic: 'tasks' }], ports, {
      topics: { tasks: 'jobs', results: 'results' },
    });
    assert.equal(await given.messages.publish('jobs', { data: '', attributes: {} }), 'jobs');
    await assert.rejects(given.messages.publish('tasks', { data: '', attributes: {} }), {
      code: 'not_granted',
      message: 'In the topology, dispatch has no role to publish on tasks.',
    });
  });
});
