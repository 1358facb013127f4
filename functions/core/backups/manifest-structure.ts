import { BLOB_BYTES } from './blobs.ts';
import type { Manifest, ManifestEntry } from './manifest-schema.ts';

/**
 * Why a manifest describes no tree that can be made, in words that go on behind its name. A manifest is signed; this holds even
 * for one that whoever has the key wrote by hand: every entry lies in a folder of the manifest's own, so nothing leads out.
 */
export function structureFlaw({ entries, blobs }: Manifest): string | undefined {
  const kinds = new Map<string, ManifestEntry['kind']>([['', 'folder']]);
  for (const entry of entries) {
    const { path, kind } = entry;
    const shown = JSON.stringify(path);
    const parts = path.split('/');
    if (path.includes('\0') || parts.some((part) => part === '' || part === '.' || part === '..'))
      return `names ${shown}, which is no path`;
    if (kinds.has(path)) return `names ${shown} twice`;
    if (kinds.get(parts.slice(0, -1).join('/')) !== 'folder') return `names ${shown}, which lies in no folder of it`;
    kinds.set(path, kind);
    if (kind === 'link' && (entry.target === '' || entry.target.includes('\0'))) return `has a link ${shown} to nothing`;
    if (kind !== 'file') continue;
    let size = 0;
    for (const [blob, offset, length] of entry.parts) {
      if (blob >= blobs.length || length === 0 || offset + length > BLOB_BYTES) return `has no content for ${shown}`;
      size += length;
    }
    if (size !== entry.size) return `has ${size} bytes for ${shown} in place of ${entry.size}`;
  }
  return undefined;
}
