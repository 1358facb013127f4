/** Rows F8 and F9: what a backup is, and the way back. */

import assert from 'node:assert/strict';
import { chmodSync, existsSync, lstatSync, mkdirSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Refusal } from '../support/stack.ts';
import type { Fog } from './kit.ts';
import { backupsOf, modifying, names, submitProject, text, verified } from './project-words.ts';

export function versionsBackups(fog: () => Fog): void {
  it('names a backup by its time, and keeps what there is to know of it', async () => {
    const path = fog().project();
    const backup_id = await submitProject(fog(), path, { description: 'of the morning' });
    const backup = await verified(fog(), path, backup_id);
    const [, day = '', time = ''] = /^backup_(\d{8})_(\d{6})_/.exec(backup_id) ?? [];
    const named = Date.UTC(
      +day.slice(0, 4),
      +day.slice(4, 6) - 1,
      +day.slice(6),
      +time.slice(0, 2),
      +time.slice(2, 4),
      +time.slice(4),
    );
    assert.ok(Math.abs(Date.now() - named) < 60_000, backup_id);
    assert.deepEqual([backup.project_path, backup.description], [path, 'of the morning']);
    assert.ok(Math.abs(Date.parse(backup.timestamp) - named) < 10_000, backup.timestamp);
  });

  it('is content-addressed: a second backup of the same stores nothing anew', async () => {
    const path = fog().project({ 'a.txt': 'a'.repeat(100_000) });
    await verified(fog(), path, await submitProject(fog(), path));
    const blobs = async () => (await names(fog(), 'blobs/')).length;
    const before = await blobs();
    await verified(fog(), path, await submitProject(fog(), path));
    assert.equal(await blobs(), before);
  });
}

export function rollsBack(fog: () => Fog): void {
  const rollBack = <T = { status: string; message: string }>(id: string) => fog().stack.post<T>(`/rollback/${id}`, {});

  it('puts a project back as it was: changed files, added ones, empty folders, modes and links', async () => {
    const path = fog().project({ 'main.py': 'before', 'pkg/gone.py': 'kept', 'run.sh': '#!/bin/sh\n' });
    mkdirSync(join(path, 'empty'));
    chmodSync(join(path, 'run.sh'), 0o755);
    symlinkSync('main.py', join(path, 'link'));
    await verified(fog(), path, await submitProject(fog(), path));
    const task = await fog().ended(await modifying(fog(), path, { 'main.py': 'after', 'added.py': 'new' }));
    const { backup_id } = await fog().status(String(task.idempotencyKey));
    rmSync(join(path, 'pkg'), { recursive: true });
    rmSync(join(path, 'empty'), { recursive: true });
    rmSync(join(path, 'link'));
    chmodSync(join(path, 'run.sh'), 0o600);
    const { status, body } = await rollBack(String(backup_id));
    assert.deepEqual([status, body.status, body.message], [200, 'success', `Rolled back to ${backup_id}`]);
    assert.deepEqual([text(path, 'main.py'), text(path, 'pkg/gone.py')], ['before', 'kept']);
    assert.ok(!existsSync(join(path, 'added.py')));
    assert.ok(lstatSync(join(path, 'empty')).isDirectory());
    assert.equal(lstatSync(join(path, 'run.sh')).mode & 0o777, 0o755);
    assert.equal(readlinkSync(join(path, 'link')), 'main.py');
  });

  it('goes back to the latest', async () => {
    const path = fog().project();
    const backup_id = await submitProject(fog(), path);
    await verified(fog(), path, backup_id);
    writeFileSync(join(path, 'main.py'), 'spoilt');
    const { status, body } = await rollBack(`latest?project_path=${encodeURIComponent(path)}`);
    assert.deepEqual([status, body.message], [200, `Rolled back to ${backup_id}`]);
    assert.equal(text(path, 'main.py'), 'print("before")\n');
  });

  it('can itself be rolled back', async () => {
    const path = fog().project();
    const backup_id = await submitProject(fog(), path);
    await verified(fog(), path, backup_id);
    writeFileSync(join(path, 'main.py'), 'worth keeping');
    assert.equal((await rollBack(backup_id)).status, 200);
    const safety = (await backupsOf(fog(), path)).find((backup) => backup.backup_id !== backup_id);
    assert.equal((await rollBack(String(safety?.backup_id))).status, 200);
    assert.equal(text(path, 'main.py'), 'worth keeping');
  });

  it('answers 400 to an unknown id, names it, and says that it was not found', async () => {
    const { status, body } = await rollBack<Refusal>('backup_20200101_000000_00000000');
    assert.equal(status, 400);
    assert.match(body.detail, /backup_20200101_000000_00000000.*not found/i);
    assert.equal((await rollBack('nothing')).status, 400);
  });

  it('leaves the project alone when the backup is damaged', async () => {
    const path = fog().project({ 'main.py': `of ${Math.random()}` });
    const before = new Set(await names(fog(), 'blobs/'));
    const backup_id = await submitProject(fog(), path);
    await verified(fog(), path, backup_id);
    writeFileSync(join(path, 'main.py'), 'as it is');
    for (const name of await names(fog(), 'blobs/')) if (!before.has(name)) await fog().stack.objects.delete('backups', name);
    const { status } = await rollBack<Refusal>(backup_id);
    assert.ok(status >= 400, `${status}`);
    assert.equal(text(path, 'main.py'), 'as it is');
  });
}
