import type { Runtime } from '../runtime.ts';
import { readContents } from './contents.ts';
import { readManifest } from './manifest.ts';
import type { Manifest, ManifestEntry } from './manifest-schema.ts';

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
 * then nothing it names can be believed. Files whose content is in the same places as in `checked`, whose every byte was read a
 * moment ago, are not read once more.
 */
export async function verifyBackup(
  parts: Pick<Runtime, 'objects' | 'signing'>,
  { projectId, backupId, checked }: { readonly projectId: string; readonly backupId: string; readonly checked?: Manifest },
): Promise<Verified> {
  const manifest = await readManifest(parts, projectId, backupId);
  const isChecked = checked === undefined ? () => false : samePlaces(checked, manifest);
  const corrupt: { path: string; reason: string }[] = [];
  let files = 0;
  let bytes = 0;
  await readContents(
    parts,
    { ...manifest, entries: manifest.entries.filter((entry) => !isChecked(entry)) },
    {
      async use(_, content) {
        for await (const piece of content) bytes += piece.length;
        files += 1;
      },
      onCorrupt({ path }, { message }) {
        if (corrupt.length < NAMED) corrupt.push({ path, reason: message });
      },
    },
  );
  return { backup_id: backupId, files, bytes, corrupt };
}

/** Whether a file of the second manifest has its content where a file of the first has the same. */
function samePlaces(first: Manifest, second: Manifest): (entry: ManifestEntry) => boolean {
  const keyOf = ({ blobs }: Manifest, entry: ManifestEntry) =>
    entry.kind === 'file' ? JSON.stringify([entry.sha256, entry.parts.map(([blob, ...place]) => [blobs[blob], ...place])]) : '';
  const known = new Set(first.entries.map((entry) => keyOf(first, entry)));
  return (entry) => entry.kind === 'file' && known.has(keyOf(second, entry));
}
