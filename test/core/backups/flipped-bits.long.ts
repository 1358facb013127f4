import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { blobObject } from '../../../functions/core/backups/blobs.ts';
import { manifestObject, readManifest } from '../../../functions/core/backups/manifest.ts';
import { rollBack } from '../../../functions/core/backups/rollback.ts';
import { verifyBackup } from '../../../functions/core/backups/verify.ts';
import { emptied, makeTree, PROJECT, place, seen } from './kit.ts';

describe('every bit of a manifest and of a blob', () => {
  it('is found when it is flipped, by a rollback and by verifying, and the project is not touched', async function () {
    this.timeout(1_800_000);
    const at = place();
    try {
      makeTree(at.project, { a: 'some text, and some text', 'b/run': { x: 'run' }, empty: null, link: '->a' });
      const backupId = await at.backup();
      emptied(at.project);
      makeTree(at.project, { other: 'other' });
      const before = seen(at.project);
      const { blobs } = await readManifest(at.parts, PROJECT, backupId);
      const [blob = ''] = blobs;
      const files = [
        { path: join(at.objects, 'backups', manifestObject(PROJECT, backupId)), named: backupId },
        { path: join(at.objects, 'backups', blobObject(blob)), named: blob },
      ];
      const counts: number[] = [];
      for (const { path, named } of files) {
        const bytes = readFileSync(path);
        for (let bit = 0; bit < bytes.length * 8; bit += 1) {
          const flipped = Buffer.from(bytes);
          flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
          writeFileSync(path, flipped);
          const rolledBack = rollBack(at.parts, await at.tree(), { projectId: PROJECT, backupId });
          await assert.rejects(rolledBack, { code: 'backup_corrupt', message: new RegExp(named) }, `bit ${bit}`);
          const found = await verifyBackup(at.parts, { projectId: PROJECT, backupId }).then(
            ({ corrupt }) => corrupt.map(({ reason }) => reason).join(),
            (error) => error.message,
          );
          assert.match(found, new RegExp(named), `bit ${bit}`);
          assert.deepEqual(seen(at.project), before, `bit ${bit}`);
        }
        writeFileSync(path, bytes);
        counts.push(bytes.length * 8);
      }
      assert.deepEqual(readdirSync(dirname(at.project)), ['project']);
      await rollBack(at.parts, await at.tree(), { projectId: PROJECT, backupId });
      assert.equal(readFileSync(join(at.project, 'a'), 'utf8'), 'some text, and some text');
      console.log({ bitsOfTheManifest: counts[0], bitsOfTheBlob: counts[1] });
    } finally {
      at.remove();
    }
  });
});
