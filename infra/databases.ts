/** The Firestore databases, with what each collection needs: expiry, exemptions and composite indexes. */

import { FirestoreBackupSchedule } from '@cdktf/provider-google/lib/firestore-backup-schedule/index.js';
import { FirestoreDatabase } from '@cdktf/provider-google/lib/firestore-database/index.js';
import { FirestoreField } from '@cdktf/provider-google/lib/firestore-field/index.js';
import { FirestoreIndex } from '@cdktf/provider-google/lib/firestore-index/index.js';
import type { CollectionRow, DatabaseName } from '../functions/topology.ts';
import { type Context, DAY_SECONDS, rows } from './context.ts';

export type Databases = Readonly<Partial<Record<DatabaseName, FirestoreDatabase>>>;

/** Makes the databases that the collections are in, and the collections' fields and indexes. */
export function makeDatabases(context: Context): Databases {
  const { stack, settings, topology } = context;
  const names = [...new Set(Object.values(topology.collections).map(({ database }) => database))];
  const databases: Partial<Record<DatabaseName, FirestoreDatabase>> = {};
  for (const name of names) {
    const database = new FirestoreDatabase(stack, `database_${name}`, {
      name,
      type: 'FIRESTORE_NATIVE',
      locationId: settings.databaseLocation ?? settings.region,
      concurrencyMode: 'OPTIMISTIC',
      pointInTimeRecoveryEnablement: 'POINT_IN_TIME_RECOVERY_ENABLED',
      deleteProtectionState: 'DELETE_PROTECTION_ENABLED',
      // Destroying the stack leaves the data where it is.
      deletionPolicy: 'ABANDON',
    });
    new FirestoreBackupSchedule(stack, `backup_${name}`, {
      database: database.name,
      retention: `${settings.backupRetentionDays * DAY_SECONDS}s`,
      dailyRecurrence: {},
    });
    databases[name] = database;
  }
  for (const [name, row] of rows(topology.collections)) {
    makeCollection(context, name, row, databases[row.database] as FirestoreDatabase);
  }
  return databases;
}

function makeCollection({ stack }: Context, collection: string, row: CollectionRow, { name: database }: FirestoreDatabase): void {
  const fields = new Set([...row.unindexed, ...(row.ttlField ? [row.ttlField] : [])]);
  for (const field of fields) {
    new FirestoreField(stack, `field_${collection}_${field}`, {
      database,
      collection,
      field,
      // An empty block leaves the field without single-field indexes; no block would leave it with the automatic ones.
      ...(row.unindexed.includes(field) && { indexConfig: {} }),
      ...(field === row.ttlField && { ttlConfig: {} }),
    });
  }
  for (const index of row.indexes) {
    const fields = index.map(({ field, order }) => ({ fieldPath: field, order: order === 'asc' ? 'ASCENDING' : 'DESCENDING' }));
    new FirestoreIndex(stack, `index_${collection}_${index.map(({ field, order }) => `${field}_${order}`).join('_')}`, {
      database,
      collection,
      queryScope: 'COLLECTION',
      fields,
    });
  }
}
