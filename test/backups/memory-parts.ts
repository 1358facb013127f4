/** An object store and a project in memory, on a clock of their own, for what a real one would take days to show. */

import type { Clock, FileEntry, ListedObject, Objects, ProjectTree, TreeEntry } from '../../functions/core/ports.ts';

export interface MemoryObjects extends Objects {
  readonly all: Map<string, { readonly bytes: Buffer; readonly writtenAt: number; readonly version: string }>;
}

/** `before` is waited for at every call, so that a test can decide on their order. */
export function memoryObjects(clock: Pick<Clock, 'now'>, before: () => Promise<void> = async () => {}): MemoryObjects {
  const all: MemoryObjects['all'] = new Map();
  let versions = 0;
  return {
    all,
    async put(_bucket, name, bytes, { ifAbsent = false } = {}) {
      await before();
      if (ifAbsent && all.has(name)) return false;
      versions += 1;
      all.set(name, { bytes, writtenAt: clock.now(), version: String(versions) });
      return true;
    },
    async get(_bucket, name) {
      await before();
      return all.get(name)?.bytes;
    },
    async delete(_bucket, name, { version } = {}) {
      await before();
      if (version === undefined || all.get(name)?.version === version) all.delete(name);
    },
    async list(_bucket, prefix, { cursor = '', limit = 1000 } = {}) {
      await before();
      const names = [...all.keys()].filter((name) => name.startsWith(prefix) && name > cursor).sort();
      const objects: ListedObject[] = names.slice(0, limit).map((name) => {
        const { bytes, writtenAt, version } = all.get(name) as { bytes: Buffer; writtenAt: number; version: string };
        return { name, bytes: bytes.length, writtenAt, version };
      });
      return { objects, ...(names.length > limit && { next: names[limit - 1] }) };
    },
  };
}

/** A project of files in one folder; their stamps are right, as a file system's are. */
export function memoryTree(): ProjectTree & { set(path: string, text: string | undefined): void } {
  const files = new Map<string, { readonly text: string; readonly stamp: string }>();
  let changes = 0;
  return {
    projectPath: '/memory',
    set(path, text) {
      changes += 1;
      if (text === undefined) files.delete(path);
      else files.set(path, { text, stamp: String(changes) });
    },
    async list(folder) {
      if (folder !== '') return [];
      const entries = [...files].map(
        ([path, { text, stamp }]): TreeEntry => ({ kind: 'file', path, mode: 0o644, size: text.length, stamp, settled: true }),
      );
      return entries.sort((a, b) => (a.path < b.path ? -1 : 1));
    },
    async *read(file: FileEntry) {
      const found = files.get(file.path);
      if (found !== undefined) yield Buffer.from(found.text);
    },
  };
}
