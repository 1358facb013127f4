import assert from 'node:assert/strict';
import { bucketTrees } from '../../functions/adapters/bucket-trees.ts';
import { projectTrees } from '../../functions/adapters/project-trees.ts';
import { temporaryFolder } from '../support/folder.ts';
import { type BucketKit, bucketKit, PROJECT } from './bucket-kit.ts';

const resolveIn = (roots: readonly string[], path: string) => bucketTrees({ roots, project: PROJECT }).resolve(path);

describe('projects in buckets: where they may be', () => {
  for (const [path, canonical] of [
    ['gs://acme/team/project', 'gs://acme/team/project'],
    ['gs://acme/team/project/', 'gs://acme/team/project'],
    ['gs://acme/team', 'gs://acme/team'],
    ['gs://acme/team/ blank /日本', 'gs://acme/team/ blank /日本'],
    ['gs://acme/team/..a/...', 'gs://acme/team/..a/...'],
  ] as const) {
    it(`takes ${path}`, async () => assert.equal(await resolveIn(['gs://acme/team/'], path), canonical));
  }

  it('takes a whole bucket, with or without a slash', async () => {
    for (const path of ['gs://acme', 'gs://acme/']) assert.equal(await resolveIn(['gs://acme'], path), 'gs://acme');
  });

  for (const path of [
    'gs://',
    'gs://acme/team/../other',
    'gs://acme/team/./x',
    'gs://acme/team//x',
    'gs://acme/team/x//',
    'gs://acme//team',
    'gs://acme//',
    'gs://ACME/team',
    'gs://acme/team/a\nb',
    'gs://acme/team/a\0b',
    'gs://acme/team/\ud800',
    `gs://acme/team/${'é'.repeat(520)}`,
    'gs:/acme/team',
    'GS://acme/team',
  ]) {
    it(`refuses ${JSON.stringify(path).slice(0, 60)}, which is no place or could be read in two ways`, () =>
      assert.rejects(resolveIn(['gs://acme'], path), { code: 'project_path_invalid', status: 422 }));
  }

  for (const [name, roots, path] of [
    ['another bucket', ['gs://acme/team'], 'gs://acme-2/team'],
    ['another place of the bucket', ['gs://acme/team'], 'gs://acme/other'],
    ['one whose name begins as the root does', ['gs://acme/team'], 'gs://acme/team-2'],
    ['what is above', ['gs://acme/team'], 'gs://acme'],
    ['anything without roots', [], 'gs://acme/team'],
    ['anything where the roots are folders', ['/srv'], 'gs://acme/team'],
    [
      'our own buckets, also where somebody allows them',
      [`gs://${PROJECT}-heliograph-backups`],
      `gs://${PROJECT}-heliograph-backups/x`,
    ],
    ['what a rollback stages', ['gs://acme'], 'gs://acme/.heliograph-restore/x'],
  ] as const) {
    it(`refuses ${name}`, () => assert.rejects(resolveIn(roots, path), { code: 'outside_roots', status: 403 }));
  }

  it('asks a folder for folders and a bucket for buckets, and says what to do without a Cloud Storage', async () => {
    const folder = temporaryFolder();
    const before = process.env.STORAGE_EMULATOR_HOST;
    delete process.env.STORAGE_EMULATOR_HOST;
    try {
      const settings = { runtime: 'embedded', project: PROJECT, projectRoots: [folder.path, 'gs://acme'] } as const;
      const trees = projectTrees({ ...settings, projectRoots: [...settings.projectRoots] }, `${folder.path}/state`, 'write');
      assert.equal((await trees.open(folder.path)).projectPath, folder.path);
      for (const call of [trees.open, trees.resolve]) {
        await assert.rejects(call('gs://acme/x'), { code: 'project_path_invalid', status: 422, message: /STORAGE_EMULATOR_HOST/ });
      }
      assert.deepEqual(await trees.recover(), []);
    } finally {
      if (before !== undefined) process.env.STORAGE_EMULATOR_HOST = before;
      folder.remove();
    }
  });

  it('gives each function what its row in the topology grants, and no more', async () => {
    const folder = temporaryFolder();
    try {
      const settings = { runtime: 'embedded', project: PROJECT, projectRoots: [folder.path] } as const;
      const of = (access?: 'read' | 'write') =>
        projectTrees({ ...settings, projectRoots: [folder.path] }, `${folder.path}/state`, access);
      assert.equal(await of().resolve(folder.path), folder.path);
      await assert.rejects(of().open(folder.path), { code: 'not_granted' });
      const tree = await of('read').open(folder.path);
      await assert.rejects(of('read').replace(tree, []), { code: 'not_granted' });
      await assert.rejects(of('read').recover(), { code: 'not_granted' });
    } finally {
      folder.remove();
    }
  });

  describe('opening', () => {
    let at: BucketKit;
    before(async () => {
      at = await bucketKit();
      await at.put('a', 'a');
    });
    after(() => at.close());

    it('takes what has an object in it, by every way of the runtimes', async () => {
      const roots = [`gs://${at.bucket.name}`];
      const trees = projectTrees({ runtime: 'emulators', project: PROJECT, projectRoots: roots }, '/nowhere', 'read');
      assert.equal((await trees.open(`${at.path}/`)).projectPath, at.path);
      assert.equal((await trees.open(roots[0] as string)).projectPath, roots[0]);
    });

    it('says that there is nothing: no such folder, a file, no such bucket', async () => {
      for (const path of [`${at.path}/nothing`, `${at.path}/a`, at.path.slice(0, -1)]) {
        await assert.rejects(at.parts.trees.open(path), { code: 'project_not_found', status: 404 });
      }
      const trees = bucketTrees({ roots: ['gs://acme-no-such-bucket'], project: PROJECT });
      await assert.rejects(trees.open('gs://acme-no-such-bucket'), { code: 'project_not_found', status: 404 });
    });
  });
});
