import assert from 'node:assert/strict';
import { appendFileSync, chmodSync, mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { manifestHash, newBackupId, readDraft, readManifest, writeDraft } from '../../../functions/core/backups/manifest.ts';
import type { Manifest, ManifestFile } from '../../../functions/core/backups/manifest-schema.ts';
import { takeBackup } from '../../../functions/core/backups/take.ts';
import { verifyBackup } from '../../../functions/core/backups/verify.ts';
import { FileChanged, type FileEntry, type Objects, type ProjectTree } from '../../../functions/core/ports.ts';
import { makeTree, type Place, PROJECT, place } from './kit.ts';

describe('taking a backup', () => {
  let it_: Place;
  let puts: string[];
  let reads: string[];
  const counted = (inner: Objects): Objects => ({
    ...inner,
    put(bucket, name, bytes, options) {
      if (name.startsWith('blobs/')) puts.push(name);
      return inner.put(bucket, name, bytes, options);
    },
  });
  beforeEach(() => {
    puts = [];
    reads = [];
    it_ = place(undefined, counted);
  });
  afterEach(() => it_.remove());

  const watched = (tree: ProjectTree): ProjectTree => ({
    ...tree,
    read(file, options) {
      reads.push(file.path);
      return tree.read(file, options);
    },
  });
  const take = async (options: Partial<Parameters<typeof takeBackup>[2]> = {}) => {
    const backupId = options.backupId ?? newBackupId(it_.parts);
    return takeBackup(it_.parts, watched(await it_.tree()), { projectId: PROJECT, description: 'first', ...options, backupId });
  };
  const manifestOf = async (options = {}): Promise<Manifest> => {
    const outcome = await take(options);
    assert.ok(outcome.done);
    return outcome.manifest;
  };
  const verified = async ({ backup_id: backupId }: Manifest) => {
    assert.deepEqual((await verifyBackup(it_.parts, { projectId: PROJECT, backupId })).corrupt, []);
  };
  /** Files are trusted by their stamps only a moment after their last change. */
  const settle = () => new Promise((resolve) => setTimeout(resolve, 2_600));

  it('says what it is a backup of, and holds every kind of entry in order', async () => {
    makeTree(it_.project, {
      a: 'a',
      'b/c': { x: 'run' },
      'b/empty': null,
      l: '->/etc/passwd',
      none: '',
      'skip/x': '',
      '.gitignore': 'skip/\n',
    });
    const manifest = await manifestOf();
    assert.match(manifest.backup_id, /^backup_\d{8}_\d{6}_[0-9a-f]{15}$/);
    assert.equal(manifest.project_path, it_.project);
    assert.equal(manifest.description, 'first');
    assert.ok(Math.abs(Date.parse(manifest.timestamp) - Date.now()) < 5_000);
    assert.deepEqual(manifest.patterns, ['skip/']);
    assert.deepEqual(
      manifest.entries.map(({ kind, path }) => `${kind} ${path}`),
      ['file .gitignore', 'file a', 'folder b', 'file b/c', 'folder b/empty', 'link l', 'file none'],
    );
    assert.deepEqual(await readManifest(it_.parts, PROJECT, manifest.backup_id), manifest);
    await verified(manifest);
  });

  it('puts small files together, and one content once', async () => {
    const files = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`f${index}`, `content ${index % 50}`]));
    makeTree(it_.project, files);
    const manifest = await manifestOf();
    assert.equal(puts.length, 1);
    const places = manifest.entries.map((entry) => String((entry as ManifestFile).parts));
    assert.equal(new Set(places).size, 50);
    await verified(manifest);
  });

  it('stores a large file in pieces, again only those that changed', async () => {
    const bytes = Buffer.alloc(10_000_000);
    for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32LE(Math.imul(at, 2_654_435_761) >>> 0, at);
    writeFileSync(join(it_.project, 'large'), bytes);
    await verified(await manifestOf());
    assert.equal(puts.length, 3);
    bytes.writeUInt32LE(1, 5_000_000);
    writeFileSync(join(it_.project, 'large'), bytes);
    await verified(await manifestOf());
    assert.equal(puts.length, 4);
  });

  it('reads and stores nothing that has not changed', async function () {
    this.timeout(20_000);
    makeTree(it_.project, { a: 'a', b: 'b', c: 'c', 'd/e': 'e' });
    await settle();
    const first = await manifestOf();
    assert.equal(puts.length, 1);
    reads = [];
    const second = await manifestOf();
    assert.deepEqual(reads, []);
    assert.deepEqual(second.entries, first.entries);
    // The same size and the old time: known by the time that nobody can set.
    writeFileSync(join(it_.project, 'b'), 'B');
    utimesSync(join(it_.project, 'b'), 1, 1);
    chmodSync(join(it_.project, 'a'), 0o600);
    const third = await manifestOf();
    assert.deepEqual(reads.sort(), ['a', 'b']);
    assert.equal(puts.length, 2);
    await verified(third);
  });

  it('reads again what had changed a moment before the last backup', async () => {
    makeTree(it_.project, { a: 'a' });
    await manifestOf();
    reads = [];
    await manifestOf();
    assert.deepEqual(reads, ['a']);
    assert.equal(puts.length, 1);
  });

  it('stores all anew when it is to build on nothing', async () => {
    makeTree(it_.project, { a: 'a' });
    const first = await manifestOf();
    const second = await manifestOf({ full: true });
    assert.equal(puts.length, 2);
    assert.notDeepEqual(second.blobs, first.blobs);
    await verified(second);
  });

  it('goes on in slices, and reports how far it is', async () => {
    const large = Buffer.alloc(9_000_000, 'abc');
    const files = Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`${index % 3}/f${index}`, `content ${index}`]));
    makeTree(it_.project, { ...files, '1/large': large, '.gitignore': 'x\n', '1/.gitignore': '!x\n', '2/x': '', '1/x': 'kept' });
    const backupId = newBackupId(it_.parts);
    let slices = 0;
    const seen: number[] = [];
    for (;;) {
      const outcome = await take({ backupId, until: 0, onProgress: ({ files }) => seen.push(files) });
      slices += 1;
      if (!outcome.done) continue;
      assert.deepEqual(outcome.manifest.patterns, ['x', '!/1/**/x']);
      await verified(outcome.manifest);
      const whole = await manifestOf();
      assert.deepEqual(
        outcome.manifest.entries.map((entry) => ({ ...entry, parts: undefined, stamp: undefined })),
        whole.entries.map((entry) => ({ ...entry, parts: undefined, stamp: undefined })),
      );
      break;
    }
    assert.ok(slices > 35);
    assert.ok(seen.length >= slices - 1);
  });

  it('reads a file anew that changes while it is read, and drops one that goes', async () => {
    makeTree(it_.project, { a: 'a', b: 'b', large: Buffer.alloc(6_000_000, 'x') });
    const tree = await it_.tree();
    const once = new Set<string>();
    const disturbed: ProjectTree = {
      ...tree,
      async *read(file: FileEntry, options) {
        if (!once.has(file.path)) {
          once.add(file.path);
          if (file.path === 'b') rmSync(join(it_.project, 'b'));
          else appendFileSync(join(it_.project, file.path), '!');
        }
        yield* tree.read(file, options);
      },
    };
    const outcome = await takeBackup(it_.parts, disturbed, {
      projectId: PROJECT,
      backupId: newBackupId(it_.parts),
      description: '',
    });
    assert.ok(outcome.done);
    assert.deepEqual(
      outcome.manifest.entries.map((entry) => [entry.path, (entry as ManifestFile).size]),
      [
        ['a', 2],
        ['large', 6_000_001],
      ],
    );
    await verified(outcome.manifest);
  });

  it('gives up on a file that does not come to rest, and names it', async () => {
    makeTree(it_.project, { log: 'x' });
    const tree = await it_.tree();
    const busy: ProjectTree = {
      ...tree,
      // biome-ignore lint/correctness/useYield: it has nothing to give
      async *read() {
        throw new FileChanged('changed');
      },
    };
    const request = { projectId: PROJECT, backupId: newBackupId(it_.parts), description: '' };
    await assert.rejects(takeBackup(it_.parts, busy, request), { code: 'file_changing', status: 409, message: /"log"/ });
  });

  it('keeps one id for one backup: asked for once more, it tells of the same', async () => {
    makeTree(it_.project, { a: 'a' });
    const first = await take();
    assert.ok(first.done);
    const { backup_id: backupId } = first.manifest;
    mkdirSync(join(it_.project, 'more'));
    // What another worker, or a crash, has left behind the manifest.
    await writeDraft(it_.parts, { manifest: { ...first.manifest, entries: [] } });
    const second = await take({ backupId });
    assert.ok(second.done);
    assert.deepEqual([second.manifest, second.manifestHash], [first.manifest, first.manifestHash]);
    assert.deepEqual(second.progress, { files: 1, bytes: 1, storedBytes: 0, storedBlobs: 0 });
    assert.equal(await readDraft(it_.parts, PROJECT, backupId), undefined);
  });

  it('is one backup for several that work on it at once', async () => {
    makeTree(it_.project, { a: 'a', b: 'b'.repeat(2_000_000), large: Buffer.alloc(9_000_000, 'xyz') });
    const backupId = newBackupId(it_.parts);
    const outcomes = await Promise.all([1, 2, 3].map(async () => take({ backupId })));
    const hashes = outcomes.map((outcome) => (outcome.done ? outcome.manifestHash : 'not done'));
    assert.equal(new Set(hashes).size, 1);
    const manifest = await readManifest(it_.parts, PROJECT, backupId);
    assert.equal(manifestHash(manifest), hashes[0]);
    await verified(manifest);
    assert.equal(await readDraft(it_.parts, PROJECT, backupId), undefined);
  });

  it('knows no other than its own', async () => {
    for (const backupId of ['latest', '../x', 'backup_20260101_000000_aaaaaaaaaaaa', '']) {
      await assert.rejects(readManifest(it_.parts, PROJECT, backupId), { code: 'backup_not_found', status: 404 });
    }
  });
});
