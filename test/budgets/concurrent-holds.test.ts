import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { systemClock } from '../../functions/adapters/clock.ts';
import { firestoreDocuments } from '../../functions/adapters/firestore.ts';
import { openDatabase } from '../../functions/adapters/sqlite-database.ts';
import { sqliteDocuments } from '../../functions/adapters/sqlite-documents.ts';
import { topology } from '../../functions/topology.ts';
import { describeWithEmulators } from '../support/emulators.ts';
import { temporaryFolder } from '../support/folder.ts';
import { concurrentHolds } from './concurrent-holds.ts';

describe('many holds at once: SQLite', function () {
  this.timeout(30_000);
  concurrentHolds(async () => {
    const folder = temporaryFolder();
    const database = openDatabase({ path: join(folder.path, 'data.db') });
    const documents = sqliteDocuments(database, topology, 'tasks', systemClock());
    const control = sqliteDocuments(database, topology, 'control', systemClock());
    const close = async () => {
      await documents.close();
      await control.close();
      await database.close();
      folder.remove();
    };
    return { documents, control, close };
  });
});

describeWithEmulators('many holds at once: Firestore', function () {
  this.timeout(90_000);
  concurrentHolds(async () => {
    const projectId = `holds-${randomBytes(4).toString('hex')}`;
    const documents = firestoreDocuments({ projectId, databaseId: 'tasks', topology });
    const control = firestoreDocuments({ projectId, databaseId: 'control', topology });
    return { documents, control, close: async () => void (await Promise.all([documents.close(), control.close()])) };
  });
});
