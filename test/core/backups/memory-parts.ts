/** An object store and a project in memory, on a clock of their own, for what a real one would take days to show. */

import { Problem } from '../../../functions/core/errors.ts';
import {
  type Clock,
  FileChanged,
  type FileEntry,
  type ListedObject,
  type Objects,
  type ProjectTree,
  type ProjectTrees,
  type TreeEntry,
} from '../../../functions/core/ports.ts';

export interface MemoryObjects extends Objects {
  readonly all: Map<string, { readonly bytes: Buffer; readonly writtenAt: number; readonly version: string }>;
}

export function memoryObjects(clock: Pick<Clock, 'now'>): MemoryObjects {
  const all: MemoryObjects['all'] = new Map();
  let versions = 0;
  return {
    all,
    async put(_bucket, name, bytes, { ifAbsent = false } = {}) {
      if (ifAbsent && all.has(name)) return false;
      versions += 1;
      all.set(name, { bytes, writtenAt: clock.now(), version: String(versions) });
      return true;
    },
    async get(_bucket, name) {
      return all.get(name)?.bytes;
    },
    async delete(_bucket, name, { version } = {}) {
      if (version === undefined || all.get(name)?.version === version) all.delete(name);
    },
    async list(_bucket, prefix, { cursor = '', limit = 1000 } = {}) {
      const names = [...all.keys()].filter((name) => name.startsWith(prefix) && name > cursor).sort();
      const objects: ListedObject[] = names.slice(0, limit).map((name) => {
        const { bytes, writtenAt, version } = all.get(name) as { bytes: Buffer; writtenAt: number; version: string };
        return { name, bytes: bytes.length, writtenAt, version };
      });
      return { objects, ...(names.length > limit && { next: names[limit - 1] }) };
    },
  };
}

export interface MemoryTree extends ProjectTree {
  set(path: string, text: string | undefined): void;
  /** What is in it, by path. */
  texts(): Record<string, string>;
  /** Exchanges all of it. */
  exchange(texts: ReadonlyMap<string, string>): void;
}

/** A project of files in one folder; their stamps are right, as a file system's are. */
export function memoryTree(): MemoryTree {
  const files = new Map<string, { readonly text: string; readonly stamp: string }>();
  let changes = 0;
  const set = (path: string, text: string | undefined) => {
    changes += 1;
    if (text === undefined) files.delete(path);
    else files.set(path, { text, stamp: String(changes) });
  };
  return {
    projectPath: '/memory',
    set,
    texts: () => Object.fromEntries([...files].map(([path, { text }]) => [path, text])),
    exchange(texts) {
      files.clear();
      for (const [path, text] of texts) set(path, text);
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
      if (found?.stamp !== file.stamp) throw new FileChanged(file.path);
      yield Buffer.from(found.text);
    },
  };
}

/** Replaces that tree; one at a time until `close`, or until `letGo`, as when its process ends. */
export function memoryTrees(tree: MemoryTree): Pick<ProjectTrees, 'replace'> & { letGo(): void } {
  let isBusy = false;
  return {
    letGo() {
      isBusy = false;
    },
    async replace() {
      if (isBusy) throw new Problem(409, 'project_busy', 'Another one is at work.');
      isBusy = true;
      const texts = new Map<string, string>();
      return {
        async folder() {},
        async link() {},
        keep: async () => false,
        async file(path, _mode, content) {
          const pieces: Buffer[] = [];
          for await (const piece of content) pieces.push(piece);
          texts.set(path, Buffer.concat(pieces).toString());
        },
        async commit() {
          tree.exchange(texts);
        },
        async close() {
          isBusy = false;
        },
      };
    },
  };
}
