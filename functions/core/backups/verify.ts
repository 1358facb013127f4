import type { Runtime } from '../runtime.ts';
import { readContents } from './contents.ts';
import { readManifest } from './manifest.ts';

export interface Verified {
  readonly backup_id: string;
  readonly files: number;
  /** Of content, unpacked. */
  readonly bytes: number;
  /** The first hundred files that cannot be restored, and why. None: the backup is whole. */
  readonly corrupt: readonly { readonly path: string; readonly reason: string }[];
}

const NAMED = 100;

/**
 * Reads all that a backup names and hashes it anew. A manifest that is not what was written is `Problem` `backup_corrupt`, since
 * then nothing it names can be believed.
 */
export async function verifyBackup(
  parts: Pick<Runtime, 'objects' | 'signing'>,
  { projectId, backupId }: { readonly projectId: string; readonly backupId: string },
): Promise<Verified> {
  const manifest = await readManifest(parts, projectId, backupId);
  const corrupt: { path: string; reason: string }[] = [];
  let files = 0;
  let bytes = 0;
  await readContents(parts, manifest, {
    async use(_, content) {
      for await (const piece of content) bytes += piece.length;
      files += 1;
    },
    onCorrupt({ path }, { message }) {
      if (corrupt.length < NAMED) corrupt.push({ path, reason: message });
    },
  });
  return { backup_id: backupId, files, bytes, corrupt };
}
