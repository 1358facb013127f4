import type { FileEntry, ProjectTree, TreeEntry } from '../../functions/core/ports.ts';
import { type DependencyMap, dependencyMap, type MapLimits } from '../../functions/projects/dependency-map/dependency-map.ts';

export const LIMITS: MapLimits = { files: 20_000, bytes: 268_435_456, fileBytes: 2_097_152, ms: 60_000 };
export const CLOCK = { now: () => Date.now() };

/** A project in memory, by path; folders follow from its files. */
export function memoryTree(files: Readonly<Record<string, string | Buffer>>, projectPath = '/projects/shop'): ProjectTree {
  const folders = new Map<string, Map<string, TreeEntry>>([['', new Map()]]);
  for (const [path, content] of Object.entries(files)) {
    add({ kind: 'file', path, mode: 0o644, size: Buffer.byteLength(content), stamp: '1', settled: true });
  }
  return {
    projectPath,
    list: async (folder) => [...(folders.get(folder)?.values() ?? [])].sort((a, b) => (a.path < b.path ? -1 : 1)),
    async *read({ path }: FileEntry) {
      yield Buffer.from(files[path] as string);
    },
  };

  function add(entry: TreeEntry): void {
    const at = entry.path.lastIndexOf('/');
    const folder = entry.path.slice(0, Math.max(0, at));
    if (!folders.has(folder)) {
      folders.set(folder, new Map());
      add({ kind: 'folder', path: folder, mode: 0o755 });
    }
    folders.get(folder)?.set(entry.path, entry);
  }
}

/** The map of such a project. */
export const mapOf = (files: Readonly<Record<string, string | Buffer>>, projectPath?: string): Promise<DependencyMap> =>
  dependencyMap(memoryTree(files, projectPath), LIMITS, CLOCK);

/** What each module imports, by name. */
export function importsOf({ modules }: DependencyMap): Record<string, readonly string[]> {
  return Object.fromEntries([...modules].map(([name, { imports }]) => [name, imports]));
}
