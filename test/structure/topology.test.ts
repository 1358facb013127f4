import assert from 'node:assert/strict';
import { rooms } from '../../functions/rooms.ts';
import { topology } from '../../functions/topology.ts';

const { topics, subscriptions, functions, schedules, collections, buckets, secrets } = topology;
const deadLetterTopics = Object.entries(topics).filter(([, { deadLetterFor }]) => deadLetterFor !== undefined);

describe('the topology', () => {
  for (const [name, row] of Object.entries(subscriptions)) {
    describe(name, () => {
      it('belongs to a topic and a function that exist', () => {
        assert.ok(topics[row.topic], row.topic);
        assert.ok(functions[row.function], row.function);
        assert.match(row.path, /^\/[a-z/-]+$/);
      });

      it('pushes to a function that only Google-signed callers reach', () => assert.equal(functions[row.function]?.access, 'push'));

      it('has the customary pace: 10 to 600 s of backoff, 20 s to acknowledge, 600 s for agents and backups', () => {
        assert.deepEqual(row.backoffSeconds, { minimum: 10, maximum: 600 });
        assert.equal(row.ackDeadlineSeconds, ['tasks', 'backups'].includes(row.topic) ? 600 : 20);
        assert.equal(row.retentionSeconds, row.topic === 'tasks' ? 1_200 : 7 * 86_400);
      });

      it('ends in a dead letter for its topic, unless it is one', () => {
        const isDeadLetter = topics[row.topic]?.deadLetterFor !== undefined;
        assert.equal(row.deadLetter === undefined, isDeadLetter);
        if (row.deadLetter === undefined) return;
        assert.equal(topics[row.deadLetter.topic]?.deadLetterFor, row.topic);
        assert.equal(row.deadLetter.maxDeliveryAttempts, row.topic === 'callbacks' ? 20 : 5);
      });
    });
  }

  it('consumes every topic, dead letters with no filter in between', () => {
    for (const topic of Object.keys(topics)) {
      assert.ok(
        Object.values(subscriptions).some((row) => row.topic === topic),
        topic,
      );
    }
    for (const [topic, { deadLetterFor }] of deadLetterTopics) {
      assert.ok(topics[deadLetterFor ?? ''], topic);
      assert.ok(
        Object.values(subscriptions).some((row) => row.topic === topic && row.filter === undefined),
        topic,
      );
    }
  });

  it('has code for every function, and a function for all code', () => {
    assert.deepEqual(Object.keys(rooms).sort(), Object.keys(functions).sort());
  });

  it('names in its roles and schedules only what exists', () => {
    for (const [name, { roles }] of Object.entries(functions)) {
      for (const role of roles) {
        const exists =
          role.kind === 'publish' || role.kind === 'subscribe'
            ? role.topic in topics
            : role.kind === 'bucket'
              ? role.bucket in buckets
              : role.kind === 'secret'
                ? secrets.includes(role.secret)
                : role.kind === 'invoke'
                  ? role.function in functions
                  : role.kind === 'projects' || ['tasks', 'control'].includes(role.database);
        assert.ok(exists, `${name}: ${JSON.stringify(role)}`);
      }
    }
    for (const row of Object.values(schedules)) assert.equal(functions[row.function]?.access, 'push');
  });

  it('keeps public and push paths apart: no front function has a push path', () => {
    const pushed = new Set([...Object.values(subscriptions), ...Object.values(schedules)].map((row) => row.function));
    for (const [name, row] of Object.entries(functions)) {
      if (row.access === 'front') assert.ok(!pushed.has(name), name);
    }
  });

  it('gives codex, which stands for users’ agents, no database, topic, bucket or secret', () => {
    assert.deepEqual(functions.codex?.roles, [{ kind: 'invoke', function: 'dispatch' }]);
  });

  it('gives backups nothing to write among the payloads, which it reads alone', () => {
    const ofPayloads = functions.backups?.roles.filter((role) => role.kind === 'bucket' && role.bucket === 'payloads');
    assert.deepEqual(ofPayloads, [{ kind: 'bucket', bucket: 'payloads', access: 'read' }]);
  });

  it('has no index on time alone: composite ones begin with another field, and times have none of their own', () => {
    for (const [name, { indexes, unindexed, ttlField }] of Object.entries(collections)) {
      const times = indexes.flatMap((index) => index.at(-1)?.field ?? []).concat(ttlField ?? []);
      for (const index of indexes) assert.ok(index.length > 1, `${name}: ${JSON.stringify(index)}`);
      assert.deepEqual(
        times.filter((field) => !unindexed.includes(field)),
        [],
        name,
      );
    }
  });
});
