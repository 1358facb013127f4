import type { Checking } from '../core/backup-records.ts';
import { readContents } from '../core/backups/contents.ts';
import { readManifest } from '../core/backups/manifest.ts';
import type { ManifestEntry } from '../core/backups/manifest-schema.ts';
import type { Runtime } from '../core/runtime.ts';

/** So much content is read before the clock is looked at. A file that is larger is read in one slice. */
const CHUNK_BYTES = 33_554_432;
const NAMED = 20;

/**
 * Reads back what a backup names and hashes it anew, from where the slice before has stopped until `until` (milliseconds since the
 * epoch). `from` is absent once all is read. Throws `Problem` `backup_corrupt` for a manifest that is not what was written.
 */
export async function verifySlice(
  runtime: Runtime,
  { projectId, backupId, until }: { readonly projectId: string; readonly backupId: string; readonly until: number },
  before: Checking,
): Promise<Checking> {
  const manifest = await readManifest(runtime, projectId, backupId);
  const { entries } = manifest;
  const corrupt = [...before.corrupt];
  let { from = 0, files, bytes } = before;
  while (from < entries.length) {
    const end = endOfChunk(entries, from);
    await readContents(
      runtime,
      { ...manifest, entries: entries.slice(from, end) },
      {
        async use(_, content) {
          for await (const piece of content) bytes += piece.length;
          files += 1;
        },
        onCorrupt({ path }, { message }) {
          // Stores take no halves of characters, which stand for bytes in names.
          if (corrupt.length < NAMED) corrupt.push({ path: path.toWellFormed(), reason: message.toWellFormed() });
        },
      },
    );
    from = end;
    if (from < entries.length && runtime.clock.now() >= until) return { from, files, bytes, corrupt };
  }
  return { files, bytes, corrupt };
}

function endOfChunk(entries: readonly ManifestEntry[], from: number): number {
  let end = from;
  for (let bytes = 0; end < entries.length && bytes < CHUNK_BYTES; end++) {
    const entry = entries[end];
    if (entry?.kind === 'file') bytes += entry.size;
  }
  return end;
}
