import assert from 'node:assert/strict';
import { topology } from '../../functions/topology.ts';
import { at, type Block, synthesized } from './synthesized.ts';

describe('the stack: stores', () => {
  const stack = synthesized({ backupRetentionDays: 30, databaseLocation: 'eur3' });

  for (const [name, block] of Object.entries(stack.all('google_storage_bucket'))) {
    const isLocked = name === 'bucket_seals';
    it(`${name} is private, ${isLocked ? 'locked' : 'versioned'}, and keeps what was deleted for a week`, () => {
      assert.equal(block.public_access_prevention, 'enforced');
      assert.equal(block.uniform_bucket_level_access, true);
      // What nobody can replace or delete has no older versions.
      assert.deepEqual(block.versioning, isLocked ? undefined : { enabled: true });
      const days = at<{ is_locked: boolean; retention_period: number }>(block, 'retention_policy');
      assert.deepEqual(days, isLocked ? { is_locked: true, retention_period: 400 * 86_400 } : undefined);
      assert.deepEqual(block.soft_delete_policy, { retention_duration_seconds: 7 * 86_400 });
      assert.equal(block.force_destroy, false);
      // Parts of an upload that nobody ended are in no list, and billed.
      const rules = at<{ action: Block; condition: Block }[]>(block, 'lifecycle_rule');
      const parts = rules.filter(({ action }) => action.type === 'AbortIncompleteMultipartUpload');
      assert.deepEqual(
        parts.map(({ condition }) => condition),
        [{ age: 1 }],
      );
    });
  }

  it('deletes payloads after 45 days, uploads never', () => {
    const ages = (name: string) =>
      at<{ condition: Block; action: Block }[]>(stack.all('google_storage_bucket'), name, 'lifecycle_rule')
        .filter(({ condition, action }) => action.type === 'Delete' && condition.with_state === 'LIVE')
        .map(({ condition }) => condition.age);
    assert.deepEqual(ages('bucket_payloads'), [45]);
    assert.deepEqual(ages('bucket_uploads'), []);
  });

  for (const name of ['tasks', 'control']) {
    it(`the database ${name} is native, protected, recoverable to a point in time, and backed up daily`, () => {
      const block = stack.all('google_firestore_database')[`database_${name}`];
      assert.equal(block?.type, 'FIRESTORE_NATIVE');
      assert.equal(block?.concurrency_mode, 'OPTIMISTIC');
      assert.equal(block?.location_id, 'eur3');
      assert.equal(block?.point_in_time_recovery_enablement, 'POINT_IN_TIME_RECOVERY_ENABLED');
      assert.equal(block?.delete_protection_state, 'DELETE_PROTECTION_ENABLED');
      assert.equal(block?.deletion_policy, 'ABANDON');
      const backup = stack.all('google_firestore_backup_schedule')[`backup_${name}`];
      assert.equal(stack.resolve(backup?.database), name);
      assert.equal(backup?.retention, `${30 * 86_400}s`);
      assert.deepEqual(backup?.daily_recurrence, {});
    });
  }

  for (const [collection, row] of Object.entries(topology.collections)) {
    it(`${collection} has its row’s expiry, exemptions and composite indexes, in its database`, () => {
      const of = (type: string) => Object.values(stack.all(type)).filter((block) => block.collection === collection);
      const fields = of('google_firestore_field');
      const indexes = of('google_firestore_index');
      for (const { database } of [...fields, ...indexes]) assert.equal(stack.resolve(database), row.database);
      const expiring = fields.filter(({ ttl_config }) => ttl_config !== undefined).map(({ field }) => field);
      assert.deepEqual(expiring, row.ttlField ? [row.ttlField] : []);
      // An empty block is "no index"; no block at all is "the automatic ones".
      const exempt = fields.filter(({ index_config }) => JSON.stringify(index_config) === '{}').map(({ field }) => field);
      assert.deepEqual(exempt.sort(), [...row.unindexed].sort());
      const orders = { asc: 'ASCENDING', desc: 'DESCENDING' };
      const wanted = row.indexes.map((index) => index.map(({ field, order }) => ({ field_path: field, order: orders[order] })));
      assert.deepEqual(
        indexes.map(({ fields: of }) => JSON.stringify(of)).sort(),
        wanted.map((fields) => JSON.stringify(fields)).sort(),
      );
    });
  }
});
