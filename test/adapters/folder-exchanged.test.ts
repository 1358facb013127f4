import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { folderTree, folderTrees } from '../../functions/adapters/folder-tree.ts';
import { Problem } from '../../functions/core/errors.ts';
import { walk } from '../../functions/core/walk.ts';
import { temporaryFolder } from '../support/folder.ts';

const READS_MS = 20_000;

/** Moves a project away, puts another one in its place, and removes the first: over and over, as a rollback does once. */
const EXCHANGES = `
import { cpSync, renameSync, rmSync } from 'node:fs';
const [project, other] = process.argv.slice(2);
const pause = new Int32Array(new SharedArrayBuffer(4));
for (;;) {
  cpSync(other, project + '.new', { recursive: true });
  renameSync(project, project + '.old');
  Atomics.wait(pause, 0, 0, 1);
  renameSync(project + '.new', project);
  rmSync(project + '.old', { recursive: true });
  Atomics.wait(pause, 0, 0, 5);
}
`;

describe('project trees: folders that are exchanged while they are read', () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let project: string;
  beforeEach(() => {
    folder = temporaryFolder();
    project = join(folder.path, 'root', 'project');
    for (const path of ['a.py', 'in/b.py', 'in/deep/c.py', '.gitignore', 'in/.gitignore']) {
      for (const root of [project, join(folder.path, 'other')]) {
        mkdirSync(dirname(join(root, path)), { recursive: true });
        writeFileSync(join(root, path), 'nothing\n');
      }
    }
  });
  afterEach(() => folder.remove());

  it('end with a problem that has a code, or are read as one of the two', async function () {
    this.timeout(2 * READS_MS);
    const script = join(folder.path, 'exchanges.mjs');
    writeFileSync(script, EXCHANGES);
    const child = fork(script, [project, join(folder.path, 'other')], { stdio: 'ignore' });
    const trees = folderTrees({ roots: [join(folder.path, 'root')], state: join(folder.path, 'state') });
    const seen = new Map<string, number>();
    const isEnough = () => (seen.get('project_not_found') ?? 0) > 300 && (seen.get('project_changed') ?? 0) > 150;
    const end = Date.now() + READS_MS;
    try {
      while (!isEnough() && Date.now() < end) {
        const outcomes = await Promise.all(
          Array.from({ length: 8 }, async () => {
            try {
              // Opened more often than read: between its two looks there is little time.
              for (let turn = 0; turn < 8; turn += 1) await trees.open(project);
              const paths: string[] = [];
              for await (const { path } of walk(await trees.open(project)).entries) paths.push(path);
              return `${paths.length} paths`;
            } catch (error) {
              if (!(error instanceof Problem)) throw error;
              return error.code;
            }
          }),
        );
        for (const outcome of outcomes) seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
      }
    } finally {
      child.kill('SIGKILL');
      await new Promise((resolve) => child.once('close', resolve));
    }
    const others = [...seen.keys()].filter((one) => !['project_not_found', 'project_changed', '7 paths'].includes(one));
    assert.deepEqual(others, [], JSON.stringify([...seen]));
    assert.ok(isEnough(), JSON.stringify([...seen]));
  });

  it('is not there, or another one, when it goes between two looks', async () => {
    const tree = folderTree(project);
    await tree.list('');
    renameSync(project, `${project}.old`);
    rmSync(`${project}.old`, { recursive: true });
    await assert.rejects(tree.list('in'), { code: 'project_changed', status: 409 });
  });

  it('is another one also where it has the number of the first', async function () {
    for (let turn = 0; turn < 20; turn += 1) {
      const tree = folderTree(project);
      await tree.list('');
      const { ino } = statSync(project);
      rmSync(project, { recursive: true });
      await pause(20);
      mkdirSync(join(project, 'in'), { recursive: true });
      await pause(20);
      writeFileSync(join(project, 'a.py'), '');
      if (statSync(project).ino !== ino) continue;
      await assert.rejects(tree.list('in'), { code: 'project_changed', status: 409 });
      return;
    }
    // A file system that gives no number twice.
    this.skip();
  });
});
