import { Problem } from '../errors.ts';
import type { ProjectTree, TreeReplacement } from '../ports.ts';
import type { Runtime } from '../runtime.ts';
import { crew } from './ahead.ts';
import { readContents } from './contents.ts';
import { changedSince } from './diff.ts';
import { newest } from './draft.ts';
import { newBackupId, readManifest } from './manifest.ts';
import type { Manifest, ManifestFile } from './manifest-schema.ts';
import { type BackupParts, takeBackup } from './take.ts';
import { verifyBackup } from './verify.ts';

/** Files of the project that are looked at at once. */
const LOOKS = 8;

export interface RolledBack {
  readonly backup_id: string;
  /** The backup of what there was before: rolling back to it undoes this rollback. */
  readonly safety_backup_id: string;
}

/**
 * Rolls a project back to a backup: afterwards it holds what the backup holds and what the rules of that time ignore, no more.
 *
 * Every blob is checked, and every byte that is written, while the new tree is built beside the project; then a backup of the present is taken, by the same ignore
 * rules, so that it holds all that goes; it is verified; and if nothing has changed since, the trees are exchanged. Up to that
 * the project is not touched. A crash at any moment leaves the old tree or the new one, which `trees.recover` brings about.
 * Throws `Problem` `backup_not_found`, `backup_corrupt`, `project_busy`, `project_changed`, and what a backup and the tree throw.
 */
export async function rollBack(
  parts: BackupParts & Pick<Runtime, 'trees'>,
  tree: ProjectTree,
  { projectId, backupId }: { readonly projectId: string; readonly backupId: string },
): Promise<RolledBack> {
  const manifest = await readManifest(parts, projectId, backupId);
  const replacement = await parts.trees.replace(tree, manifest.patterns);
  try {
    await build(parts, manifest, replacement);
    const safety = await safetyBackup(parts, tree, manifest);
    const changed = await changedSince(parts, safety, tree);
    if (changed !== undefined) {
      throw new Problem(
        409,
        'project_changed',
        `${JSON.stringify(changed)} has changed during the rollback. Nothing was rolled back.`,
      );
    }
    await replacement.commit();
    return { backup_id: backupId, safety_backup_id: safety.backup_id };
  } finally {
    await replacement.close();
  }
}

async function build(parts: Pick<Runtime, 'objects' | 'signing'>, manifest: Manifest, replacement: TreeReplacement): Promise<void> {
  for (const entry of manifest.entries) {
    if (entry.kind === 'folder') await replacement.folder(entry.path, entry.mode);
    if (entry.kind === 'link') await replacement.link(entry.path, entry.target);
  }
  const stampOf = await presentStamps(parts, manifest);
  const kept = new Set<ManifestFile>();
  const looks = crew(LOOKS);
  for (const entry of manifest.entries) {
    const stamp = entry.kind === 'file' ? stampOf(entry) : undefined;
    if (entry.kind !== 'file' || stamp === undefined) continue;
    await looks.add(async () => {
      if (await replacement.keep(entry.path, entry.mode, stamp)) kept.add(entry);
    });
  }
  await looks.end();
  await readContents(parts, manifest, {
    use: (file, content) => replacement.file(file.path, file.mode, content),
    isUnused: (file) => kept.has(file),
  });
}

/**
 * By which stamp a file of the project would be known to be what a backup holds: that of the newest backup, if it holds the same,
 * since a rollback in between has given files other stamps.
 */
async function presentStamps(
  parts: Pick<Runtime, 'objects' | 'signing'>,
  manifest: Manifest,
): Promise<(file: ManifestFile) => string | undefined> {
  const last = await newest(parts, manifest.project_id);
  const known = new Map(last?.entries.map((entry) => [entry.path, entry]));
  return ({ path, mode, sha256, stamp }) => {
    const before = known.get(path);
    return before?.kind === 'file' && before.mode === mode && before.sha256 === sha256 ? before.stamp : stamp;
  };
}

/** Verified: a way back that does not hold is none. One that builds on a corrupt blob is taken once more, on nothing. */
async function safetyBackup(parts: BackupParts, tree: ProjectTree, target: Manifest): Promise<Manifest> {
  const { project_id: projectId, patterns } = target;
  const description = `Before the rollback to ${target.backup_id}`;
  for (const full of [false, true]) {
    const backupId = newBackupId(parts);
    const taken = await takeBackup(parts, tree, { projectId, backupId, description, patterns, full });
    const { corrupt } = await verifyBackup(parts, { projectId, backupId, checked: target });
    if (taken.done && corrupt.length === 0) return taken.manifest;
  }
  throw new Problem(500, 'backup_corrupt', 'A backup of the project as it is now could not be verified. Nothing was rolled back.');
}
