import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { systemClock } from '../../functions/adapters/clock.ts';
import { firestoreDocuments } from '../../functions/adapters/firestore.ts';
import { openDatabase } from '../../functions/adapters/sqlite-database.ts';
import { sqliteDocuments } from '../../functions/adapters/sqlite-documents.ts';
import { describeWithEmulators } from '../support/emulators.ts';
import { temporaryFolder } from '../support/folder.ts';
import { contractTopology, documentsContract } from './documents.ts';

for (const settles of ['when durable', 'at once'] as const)
  describe(`documents contract: SQLite, settling ${settles}`, () => {
    documentsContract(async () => {
      const folder = temporaryFolder();
      const database = openDatabase({ path: join(folder.path, 'data.db'), settles });
      const documents = sqliteDocuments(database, contractTopology, 'tasks', systemClock());
      const close = async () => {
        await documents.close();
        await database.close();
        folder.remove();
      };
      return { documents, close };
    });
  });

describeWithEmulators('documents contract: Firestore', () => {
  documentsContract(async () => {
    const projectId = `contract-${randomBytes(4).toString('hex')}`;
    const documents = firestoreDocuments({ projectId, databaseId: 'tasks', topology: contractTopology });
    return { documents, close: () => documents.close() };
  });
});
