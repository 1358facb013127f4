import { Problem } from '../errors.ts';
import type { ProjectTree } from '../ports.ts';
import { type Known, knownContent } from './known.ts';
import { backupIds, readDraft, readManifest, writeDraft } from './manifest.ts';
import type { Draft, Manifest } from './manifest-schema.ts';
import type { BackupParts, BackupRequest } from './take.ts';

export interface Begun {
  readonly draft: Draft;
  readonly known: Known;
  /** Whether some of what comes next may be stored already. */
  readonly resumed: boolean;
}

/** A backup as far as it has come, or a new one on the newest that can be used. */
export async function beginDraft(parts: BackupParts, tree: ProjectTree, request: BackupRequest): Promise<Begun> {
  const { projectId, backupId, description, full = false } = request;
  const draft = await readDraft(parts, projectId, backupId);
  if (draft !== undefined) {
    const parent = draft.parent === undefined ? undefined : await readUsable(parts, projectId, draft.parent);
    return { draft, known: knownContent(parent), resumed: true };
  }
  const manifest: Manifest = {
    format: 1,
    backup_id: backupId,
    project_id: projectId,
    project_path: tree.projectPath,
    description,
    timestamp: new Date(parts.clock.now()).toISOString(),
    patterns: [],
    special: [],
    blobs: [],
    entries: [],
  };
  const parent = full ? undefined : await newest(parts, projectId, backupId);
  const begun: Draft = { ...(parent && { parent: parent.backup_id }), manifest };
  await writeDraft(parts, begun);
  return { draft: begun, known: knownContent(parent), resumed: false };
}

/** The newest backup that can be used, but for one. */
export async function newest(
  parts: Pick<BackupParts, 'objects' | 'signing'>,
  projectId: string,
  backupId?: string,
): Promise<Manifest | undefined> {
  for (const id of (await backupIds(parts, projectId)).reverse()) {
    const manifest = id === backupId ? undefined : await readUsable(parts, projectId, id);
    if (manifest !== undefined) return manifest;
  }
  return undefined;
}

/** A corrupt manifest is nothing to build on, and no reason not to take a backup. */
async function readUsable(
  parts: Pick<BackupParts, 'objects' | 'signing'>,
  projectId: string,
  backupId: string,
): Promise<Manifest | undefined> {
  return readManifest(parts, projectId, backupId).catch((error) => {
    if (error instanceof Problem && ['backup_corrupt', 'backup_not_found'].includes(error.code)) return undefined;
    throw error;
  });
}
