import type { FileEntry } from '../ports.ts';
import type { Manifest, ManifestFile } from './manifest-schema.ts';
import type { Kept } from './packer.ts';

export interface KnownFile {
  readonly sha256: string;
  readonly places: readonly Kept[];
}

/** What the backup before holds, as far as the next one need not store or read it again. */
export interface Known {
  /**
   * The file of this path, if it is the same by device, inode, size and both times to the nanosecond. Programmes can set one of the
   * times, not the other, and a file that had changed within a tick of the clock has no stamp in a manifest. What remains is a
   * change through a memory map that the system has not written out yet.
   */
  unchanged(file: FileEntry): KnownFile | undefined;
  /** Content of this hash, at whatever path it was. */
  content(sha256: string): KnownFile | undefined;
  /** The blob that has these bytes, by the hash of them. */
  blob(hash: string): string | undefined;
}

export function knownContent(parent: Manifest | undefined): Known {
  const byPath = new Map<string, ManifestFile>();
  const byHash = new Map<string, ManifestFile>();
  for (const entry of parent?.entries ?? []) {
    if (entry.kind !== 'file') continue;
    byPath.set(entry.path, entry);
    byHash.set(entry.sha256, entry);
  }
  const blobs = new Map(parent?.blobs.map((blob) => [blob.slice(0, 64), blob]));
  const asKnown = (file: ManifestFile | undefined): KnownFile | undefined =>
    file && {
      sha256: file.sha256,
      places: file.parts.map(([blob, offset, length]) => ({ blob: parent?.blobs[blob] as string, offset, length })),
    };
  return {
    unchanged(file) {
      const before = byPath.get(file.path);
      return before?.stamp === file.stamp ? asKnown(before) : undefined;
    },
    content: (sha256) => asKnown(byHash.get(sha256)),
    blob: (hash) => blobs.get(hash),
  };
}
