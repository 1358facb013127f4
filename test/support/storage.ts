import { type StorageServer, startStorageServer } from '../../emulator-bridge/storage/server.ts';
import { makeTopologyBuckets } from '../../emulator-bridge/storage/topology-buckets.ts';
import { topology } from '../../functions/topology.ts';
import { temporaryFolder } from './folder.ts';
import { silent } from './stack.ts';

/** A storage server of its own, with the buckets of a project, and its address in this process's environment until it is closed. */
export async function storageOf(project: string, port = 0): Promise<{ readonly server: StorageServer; close(): Promise<void> }> {
  const folder = temporaryFolder();
  const server = await startStorageServer({ folder: folder.path, port, log: silent });
  await makeTopologyBuckets(server.site, { project }, topology);
  const before = process.env.STORAGE_EMULATOR_HOST;
  process.env.STORAGE_EMULATOR_HOST = server.url;
  return {
    server,
    async close() {
      if (before === undefined) delete process.env.STORAGE_EMULATOR_HOST;
      else process.env.STORAGE_EMULATOR_HOST = before;
      await server.close();
      folder.remove();
    },
  };
}
