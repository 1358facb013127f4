import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { closeSync, ftruncateSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { newBackupId, readManifest } from '../../../functions/core/backups/manifest.ts';
import { temporaryFolder } from '../../support/folder.ts';
import { CHILD, inChild } from './killing.ts';
import { PROJECT, place } from './kit.ts';

const MEBIBYTE = 1_048_576;

/**
 * Backs up one file and rolls it back, each in a process of its own, bundled as a function is deployed: taking the types out takes
 * 35 MiB by itself. Gives the most memory that each had. `random` of the file cannot be packed.
 */
export async function memoryOfLargeFile(
  megabytes: number,
  random: number,
): Promise<{ readonly take: number; readonly rollBack: number }> {
  const within = temporaryFolder();
  try {
    const at = place(within);
    const path = join(at.project, 'large');
    const file = openSync(path, 'w');
    for (let written = 0; written < random; written += 1) writeSync(file, randomBytes(MEBIBYTE));
    ftruncateSync(file, megabytes * MEBIBYTE);
    closeSync(file);
    const program = join(within.path, 'child.mjs');
    const banner = { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" };
    await build({
      entryPoints: [CHILD],
      outfile: program,
      banner,
      bundle: true,
      format: 'esm',
      platform: 'node',
      target: 'node24',
    });
    const backupId = newBackupId(at.parts);
    const taken = await inChild(within.path, 'take', backupId, { program });
    assert.equal(taken.stderr, '');
    const before = (await readManifest(at.parts, PROJECT, backupId)).entries[0];
    rmSync(path);
    const back = await inChild(within.path, 'roll-back', backupId, { program });
    assert.equal(back.stderr, '');
    assert.equal(statSync(path).size, megabytes * MEBIBYTE);
    assert.ok(before?.kind === 'file' && before.size === megabytes * MEBIBYTE);
    return { take: taken.maxRssBytes / MEBIBYTE, rollBack: back.maxRssBytes / MEBIBYTE };
  } finally {
    within.remove();
  }
}
