import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import fc from 'fast-check';
import { systemClock } from '../../../functions/adapters/clock.ts';
import { diffWithNow } from '../../../functions/core/backups/diff.ts';
import { newBackupId, readManifest } from '../../../functions/core/backups/manifest.ts';
import { rollBack } from '../../../functions/core/backups/rollback.ts';
import { takeBackup } from '../../../functions/core/backups/take.ts';
import { temporaryFolder } from '../../support/folder.ts';
import { allSettled, emptied, type Place, PROJECT, place, seen } from './kit.ts';
import { memoryObjects } from './memory-parts.ts';

/** Names as file systems have them; some are no UTF-8. */
const name = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom('a', 'b', 'c', 'src', 'A', 'a.txt', 'data.bin') },
  {
    weight: 2,
    arbitrary: fc.constantFrom('é', 'e\u0301', '日本', '😀', 'a\nb', ' ', '"', "'", '\\', '..a', '-rf', '*', '\ufffd', '.git'),
  },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }) },
  {
    weight: 1,
    arbitrary: fc
      .uint8Array({ minLength: 1, maxLength: 8 })
      .map((bytes) => Buffer.from(bytes).toString('latin1'))
      .map((text) => `\u0000${text}`),
  },
);

/** A leading zero says that the rest are bytes. Neither `/` nor a zero can be in a name, nor can it be `.` or `..`. */
function bytesOf(text: string): Buffer {
  const bytes = text.startsWith('\u0000') ? Buffer.from(text.slice(1), 'latin1') : Buffer.from(text);
  const clean = Buffer.from([...bytes].filter((byte) => byte !== 0 && byte !== 0x2f)).subarray(0, 100);
  return /^\.{0,2}$/.test(clean.toString('latin1')) ? Buffer.from('dots') : clean;
}

const content = fc.oneof(
  { weight: 1, arbitrary: fc.constant(Buffer.alloc(0)) },
  { weight: 6, arbitrary: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)) },
  { weight: 1, arbitrary: fc.nat(255).map((byte) => Buffer.alloc(1_100_000, byte)) },
);
const large = fc
  .tuple(fc.nat(255), fc.constantFrom(4_194_304, 4_194_305, 9_000_000))
  .map(([byte, size]) => Buffer.alloc(size, byte));

const path = fc.array(name, { minLength: 1, maxLength: 4 });
const edit = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('file' as const), path, content, mode: fc.constantFrom(0o644, 0o755, 0o600, 0o444) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('folder' as const), path, mode: fc.constantFrom(0o755, 0o700, 0o2775) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('link' as const),
      path,
      target: fc.constantFrom('a', '../b', '/etc/passwd', 'nowhere', '.', 'é'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('remove' as const), path }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('move' as const), path, to: path }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('mode' as const), path, mode: fc.constantFrom(0o755, 0o711) }) },
);
type Edit = typeof edit extends fc.Arbitrary<infer T> ? T : never;

/** What fails (a file as a folder, say) leaves the tree as it was, as it would for anybody who works on it. */
function apply(folder: string, edits: readonly Edit[]): void {
  const at = (parts: readonly string[]) =>
    Buffer.concat([Buffer.from(folder), ...parts.flatMap((part) => [Buffer.from('/'), bytesOf(part)])]);
  for (const one of edits) {
    const place = at(one.path);
    try {
      if (one.kind !== 'remove' && one.kind !== 'mode') {
        for (let depth = 1; depth < one.path.length; depth += 1) {
          const parent = at(one.path.slice(0, depth));
          if (!lstatSync(parent, { throwIfNoEntry: false })) mkdirSync(parent);
          // Not through links: that would be outside.
          if (!lstatSync(parent).isDirectory()) throw new Error('no folder');
        }
      }
      if (one.kind === 'remove') rmSync(place, { recursive: true });
      if (one.kind === 'move') renameSync(place, at(one.to));
      if (one.kind === 'mode' && !lstatSync(place).isSymbolicLink()) chmodSync(place, one.mode);
      if (one.kind === 'link') symlinkSync(one.target, place);
      if (one.kind === 'folder') mkdirSync(place);
      if (one.kind === 'folder') chmodSync(place, one.mode);
      if (one.kind === 'file' && !lstatSync(place, { throwIfNoEntry: false })?.isSymbolicLink()) {
        writeFileSync(place, one.content);
        chmodSync(place, one.mode);
      }
    } catch {
      // As it was.
    }
  }
}

/** A folder in memory, where the system has such: thousands of trees are synced, which takes a disk a while. */
function temporaryMemory(): ReturnType<typeof temporaryFolder> {
  if (!existsSync('/dev/shm')) return temporaryFolder();
  const path = mkdtempSync('/dev/shm/heliograph-');
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Of all files. */
function inodesOf(folder: string): Set<number> {
  const inodes = new Set<number>();
  const look = (at: Buffer) => {
    for (const name of readdirSync(at, { encoding: 'buffer' })) {
      const place = Buffer.concat([at, Buffer.from('/'), name]);
      const found = lstatSync(place);
      if (found.isDirectory()) look(place);
      else if (found.isFile()) inodes.add(found.ino);
    }
  };
  look(Buffer.from(folder));
  return inodes;
}

/** Backup, random edits, rollback: the same names, kinds, bytes, modes and targets; and back again by the safety backup. */
export async function rollBackRandomTrees(
  runs: number,
  seed?: number,
): Promise<{ readonly entries: number; readonly largest: number; readonly linked: number }> {
  const counts = { entries: 0, largest: 0, linked: 0 };
  const within = temporaryMemory();
  const at: Place = place(within, () => memoryObjects(systemClock()));
  const scenario = fc.record({
    tree: fc.array(edit, { minLength: 1, maxLength: 30, size: 'max' }),
    edits: fc.array(edit, { maxLength: 15, size: 'max' }),
    large: fc.option(large, { freq: 12 }),
    // Whether files are known by their stamps at once, so that what is the same is linked.
    settled: fc.boolean(),
  });
  try {
    await fc.assert(
      fc.asyncProperty(scenario, async ({ tree, edits, large, settled }) => {
        emptied(at.project);
        apply(at.project, tree);
        if (large !== null) writeFileSync(`${at.project}/large`, large);
        const before = seen(at.project);
        const open = async () => (settled ? allSettled(await at.tree()) : at.tree());
        const backupId = newBackupId(at.parts);
        await takeBackup(at.parts, await open(), { projectId: PROJECT, backupId, description: '', patterns: [] });
        // A tick of the file system's clock.
        await new Promise((resolve) => setTimeout(resolve, 10));
        const inodes = inodesOf(at.project);
        apply(at.project, edits);
        const after = seen(at.project);
        const { safety_backup_id: safety } = await rollBack(at.parts, await open(), { projectId: PROJECT, backupId });
        assert.deepEqual(seen(at.project), before);
        counts.linked += [...inodesOf(at.project)].filter((inode) => inodes.has(inode)).length;
        const manifest = await readManifest(at.parts, PROJECT, backupId);
        assert.deepEqual(await diffWithNow(at.parts, manifest, await at.tree()), { added: [], removed: [], changed: [] });
        await rollBack(at.parts, await open(), { projectId: PROJECT, backupId: safety });
        assert.deepEqual(seen(at.project), after);
        counts.entries += Object.keys(before).length;
        counts.largest = Math.max(counts.largest, Object.keys(before).length);
      }),
      { numRuns: runs, seed },
    );
    return counts;
  } finally {
    at.remove();
  }
}
