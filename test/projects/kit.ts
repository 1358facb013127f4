/** What tests of projects share: a project in a root, and what its interface answers. */

import { chmodSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { seen } from '../core/backups/kit.ts';
import { temporaryFolder } from '../support/folder.ts';
import type { Reply, TestStack } from '../support/stack.ts';

export interface BackupShown {
  readonly backup_id: string;
  readonly project_id: string;
  readonly project_path: string;
  readonly description: string;
  readonly timestamp: string;
  readonly status: string;
  readonly kind: string;
  readonly task_id?: string;
  readonly error?: { readonly code: string; readonly message: string };
  readonly [field: string]: unknown;
}

export type Submitted = { readonly status: string; readonly backup_id: string; readonly project_id: string };
export type RolledBack = Submitted & { readonly message: string; readonly safety_backup_id: string; readonly rollback_id: string };

/** A folder that may hold projects. */
export function projectRoot() {
  const folder = temporaryFolder();
  return { path: realpathSync(folder.path), remove: folder.remove };
}

/** A project with what backups of archives lose: modes, empty folders, links, and a name that is no ASCII. */
export function makeProject(path: string): string {
  write(join(path, 'app.py'), 'import lib.a\n');
  write(join(path, 'lib/a.py'), 'from . import b\n');
  write(join(path, 'lib/b.py'), '');
  write(join(path, 'größe/日本.txt'), 'unicode\n');
  write(join(path, 'run.sh'), '#!/bin/sh\n');
  chmodSync(join(path, 'run.sh'), 0o751);
  mkdirSync(join(path, 'empty'), { recursive: true, mode: 0o750 });
  symlinkSync('../nowhere', join(path, 'link'));
  return path;
}

/** What a careless agent does. */
export function spoil(path: string): void {
  write(join(path, 'app.py'), 'raise SystemExit\n');
  write(join(path, 'added/new.py'), 'new = 1\n');
  chmodSync(join(path, 'run.sh'), 0o600);
}

export function write(path: string, content: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

export { seen };

/** The interface of projects, as a client of it. */
export const client = (stackOf: () => TestStack) => ({
  submit: (project_path: unknown, description?: string): Promise<Reply<Submitted>> =>
    stackOf().post<Submitted>('/submit-project', { project_path, description }),
  backups: async (projectId: string, query = ''): Promise<readonly BackupShown[]> =>
    (await stackOf().get<{ backups: BackupShown[] }>(`/projects/${projectId}/backups${query}`)).body.backups,
  rollBack: (name: string): Promise<Reply<RolledBack>> => stackOf().post<RolledBack>(`/rollback/${name}`, {}),
});

/** What was decided about a project, the first first. */
export async function audited(stack: TestStack, projectId: string): Promise<readonly Audited[]> {
  const path = `/audit?entity=${encodeURIComponent(`project:${projectId}`)}&limit=200`;
  return (await stack.get<{ entries: Audited[] }>(path)).body.entries.toReversed();
}

interface Audited {
  readonly event: string;
  readonly actor: string;
  readonly detail?: Readonly<Record<string, unknown>>;
}
