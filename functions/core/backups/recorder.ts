import { createHash } from 'node:crypto';
import type { FileEntry, ProjectTree } from '../ports.ts';
import { BLOB_BYTES } from './blobs.ts';
import { type Content, whileChanging } from './content.ts';
import type { Begun } from './draft.ts';
import type { Draft, ManifestFile, Part } from './manifest-schema.ts';
import { packer } from './packer.ts';
import type { BackupParts } from './take.ts';

export interface Progress {
  /** Files seen, in this call. */
  files: number;
  /** Their size. */
  bytes: number;
  /** What was stored of it, packed, and in how many blobs. */
  storedBytes: number;
  storedBlobs: number;
}

/** Writes entries into the manifest and their content into blobs. */
export interface Recorder {
  /** False when the time was over in the middle of a large file; `partial` says how far it has come. */
  add(content: Content): Promise<boolean>;
  /** After this every part in the manifest is stored. */
  flush(): Promise<void>;
  readonly progress: Progress;
  readonly partial: Draft['partial'];
}

export function recorder(
  parts: BackupParts,
  tree: ProjectTree,
  { draft, known, resumed, until, fresh }: Begun & { readonly until: number; readonly fresh: boolean },
): Recorder {
  const { manifest } = draft;
  const packs = packer(parts, manifest, { known, mayBeThere: resumed, fresh });
  const progress: Progress = { files: 0, bytes: 0, storedBytes: 0, storedBlobs: 0 };
  /** By hash: what this backup holds itself. Its parts may still be on their way. */
  const own = new Map(manifest.entries.flatMap((entry) => (entry.kind === 'file' ? [[entry.sha256, entry.parts]] : [])));
  let partial = draft.partial;

  function addFile({ path, mode, size, stamp, settled }: FileEntry, sha256: string, places: Part[]): void {
    const entry: ManifestFile = { kind: 'file', path, mode, size, sha256, parts: places, ...(settled && { stamp }) };
    manifest.entries.push(entry);
    own.set(sha256, places);
  }

  async function addLarge(entry: FileEntry): Promise<boolean> {
    const done = await whileChanging(parts, tree, entry, async (file) => {
      const before = partial?.path === file.path && partial.stamp === file.stamp ? partial.parts : [];
      const places: Part[] = [];
      const sum = createHash('sha256');
      for await (const piece of tree.read(file, { pieceBytes: BLOB_BYTES })) {
        sum.update(piece);
        const stored = before[places.length];
        if (stored !== undefined) {
          places.push(stored);
          continue;
        }
        await packs.piece(piece, places);
        if (parts.clock.now() < until || places.length * BLOB_BYTES >= file.size) continue;
        partial = { path: file.path, stamp: file.stamp, parts: places };
        return false;
      }
      partial = undefined;
      addFile(file, sum.digest('hex'), places);
      return true;
    });
    return done ?? true;
  }

  return {
    async add(content) {
      const { entry } = content;
      if (entry.kind === 'special') manifest.special.push(entry.path);
      if (entry.kind === 'link') manifest.entries.push({ kind: 'link', path: entry.path, target: entry.target });
      if (entry.kind === 'folder') manifest.entries.push({ kind: 'folder', path: entry.path, mode: entry.mode });
      if (entry.kind !== 'file') return true;
      if ('large' in content && !(await addLarge(content.entry))) return false;
      if ('known' in content) addFile(content.entry, content.known.sha256, packs.kept(content.known.places));
      if ('bytes' in content) {
        const { sha256, bytes } = content;
        const before = known.content(sha256);
        const places = before !== undefined ? packs.kept(before.places) : (own.get(sha256) ?? []);
        const isNew = before === undefined && !own.has(sha256) && bytes.length > 0;
        addFile(content.entry, sha256, places);
        if (isNew) await packs.add(bytes, places);
      }
      progress.files += 1;
      progress.bytes += entry.size;
      return true;
    },
    async flush() {
      await packs.flush();
    },
    get progress() {
      return { ...progress, storedBytes: packs.stored.bytes, storedBlobs: packs.stored.blobs };
    },
    get partial() {
      return partial;
    },
  };
}
