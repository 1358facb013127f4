import { constants, createReadStream, openSync, type ReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFolder } from '../../functions/adapters/atomic-file.ts';
import type { Hashes } from './hashes.ts';

/**
 * The bytes of objects and of uploads, one file each, by an id of ours. A file counts only once a row of the store names it, and
 * it is on disk before that; so a crash leaves no half object, only files that nobody names, which `keepOnly` clears away.
 */
export interface Contents {
  /**
   * Writes `source` behind the first `from` bytes and resolves with the new length once all of it is on disk. Whatever was
   * behind them is gone. `onDurable` hears now and then how much is on disk, a last time also when `source` breaks off.
   */
  append(
    id: string,
    source: AsyncIterable<Uint8Array>,
    options: { readonly from?: number; readonly hashes: Hashes; readonly onDurable?: (size: number) => Promise<void> },
  ): Promise<number>;
  /** Bytes `start` to `end`, both included. Opened at once: a file that is deleted now is still read to its end. */
  read(id: string, range?: { readonly start: number; readonly end: number }): ReadStream;
  remove(id: string): Promise<void>;
  keepOnly(isUsed: (id: string) => boolean): Promise<void>;
}

/** What a crash costs an upload at most. */
const DURABLE_EVERY_BYTES = 8 << 20;

/** Makes the folder. */
export async function openContents(folder: string): Promise<Contents> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  return {
    async append(id, source, { from = 0, hashes, onDurable }) {
      const file = await open(join(folder, id), constants.O_WRONLY | constants.O_CREAT, 0o600);
      let size = from;
      let durable = from;
      const settle = async () => {
        await file.sync();
        durable = size;
        await onDurable?.(size);
      };
      try {
        await file.truncate(from);
        if (from === 0) await syncFolder(folder);
        for await (const chunk of source) {
          await writeAll(file, chunk, size);
          hashes.update(chunk);
          size += chunk.length;
          if (onDurable !== undefined && size - durable >= DURABLE_EVERY_BYTES) await settle();
        }
      } finally {
        await settle().finally(() => file.close());
      }
      return size;
    },

    read(id, range) {
      return createReadStream('', { fd: openSync(join(folder, id), 'r'), start: 0, ...range });
    },

    remove: (id) => rm(join(folder, id), { force: true }),

    async keepOnly(isUsed) {
      // A folder that was put in the place of ours keeps what is not ours.
      for (const entry of await readdir(folder, { withFileTypes: true })) {
        if (entry.isFile() && /^\d+$/.test(entry.name) && !isUsed(entry.name)) await rm(join(folder, entry.name), { force: true });
      }
    },
  };
}

async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}
