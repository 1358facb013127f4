import assert from 'node:assert/strict';
import { beforeWrite, refuseWrites, runOutLocks } from './bucket-faults.ts';
import { bucketKit } from './bucket-kit.ts';
import { treeIn } from './bucket-views.ts';

const PREFIX = 'team/project/';
const MODE = 'goog-reserved-posix-mode';

describe('projects in buckets: the exchange', () => {
  let at: Awaited<ReturnType<typeof bucketKit>>;
  let backupId: string;
  beforeEach(async () => {
    at = await bucketKit({ leaseMs: 60_000 });
    await at.put('a', 'a');
    await at.put('b/run', 'run', { [MODE]: '755' });
    await at.put('gone', 'gone');
    await at.put('empty/');
    backupId = await at.backup();
  });
  afterEach(() => at.close());

  const tree = () => treeIn(at.bucket, PREFIX);
  const edit = async () => {
    await at.put('a', 'changed');
    await at.bucket.file(`${PREFIX}b/run`).setMetadata({ metadata: { [MODE]: '700' } });
    await at.bucket.deleteFiles({ prefix: `${PREFIX}gone` });
    await at.bucket.deleteFiles({ prefix: `${PREFIX}empty/` });
    await at.put('added/x', 'x');
    await at.put('link', '', { gcsfuse_symlink_target: 'nowhere' });
  };

  it('ends with the old tree or the new one, at whichever of its writes it stops', async function () {
    this.timeout(120_000);
    const fresh = await tree();
    await edit();
    const old = await tree();
    const outcomes: string[] = [];
    for (let number = 0, isWhole = false; !isWhole; number += 1) {
      await edit();
      const faults = refuseWrites(at.site, number);
      const outcome = await at.back(backupId).then(
        () => 'done',
        (error: { code: string }) => error.code,
      );
      faults.end();
      isWhole = outcome === 'done' && faults.taken() < number;
      if (outcome !== 'done') assert.equal(outcome, 'project_unreadable', `stopped at ${number}`);
      await runOutLocks(at.site, at.bucket.name);
      const recovered = await at.parts.trees.recover();
      const found = await tree();
      const what = JSON.stringify(found) === JSON.stringify(old) ? 'undone' : 'completed';
      if (what === 'completed') assert.deepEqual(found, fresh, `stopped at ${number}`);
      for (const one of recovered) assert.deepEqual(one, { projectPath: at.path, outcome: what }, `stopped at ${number}`);
      assert.deepEqual(await at.leftovers(), [], `stopped at ${number}`);
      outcomes.push(what);
    }
    // Once it is committed there is no way back, and not before.
    assert.match(outcomes.join(' '), /^(undone ){5,}(completed ?){8,}$/);
  });

  it('says that it is busy while it is applied, and is brought to its end by whoever asks once its holder is dead', async () => {
    const fresh = await tree();
    await edit();
    let writes = 0;
    const whole = refuseWrites(at.site, Number.POSITIVE_INFINITY);
    await at.back(backupId);
    writes = whole.taken();
    whole.end();
    await edit();
    // The steps and what is removed after them are more than half of it.
    const faults = refuseWrites(at.site, Math.ceil(writes / 2));
    await assert.rejects(at.back(backupId), { code: 'project_unreadable' });
    faults.end();
    await assert.rejects(at.tree(), { code: 'project_busy', status: 409 });
    await assert.rejects(at.backup(), { code: 'project_busy', status: 409 });
    await runOutLocks(at.site, at.bucket.name);
    await at.tree();
    assert.deepEqual(await tree(), fresh);
    assert.deepEqual(await at.leftovers(), []);
  });

  it('leaves alone what is changed once all is done, also where its process ended before it had cleared up', async () => {
    const fresh = await tree();
    await edit();
    const whole = refuseWrites(at.site, Number.POSITIVE_INFINITY);
    await at.back(backupId);
    whole.end();
    await edit();
    // The last but one object that was staged, and the lock, stay.
    const faults = refuseWrites(at.site, whole.taken() - 2);
    await assert.rejects(at.back(backupId), { code: 'project_unreadable' });
    faults.end();
    await at.put('a', 'later');
    await at.put('b/run', 'later');
    await at.put('gone', 'later');
    await runOutLocks(at.site, at.bucket.name);
    assert.deepEqual(await at.parts.trees.recover(), [{ projectPath: at.path, outcome: 'completed' }]);
    assert.deepEqual(await tree(), { ...fresh, a: 'file 644 later', 'b/run': 'file 644 later', gone: 'file 644 later' });
    assert.deepEqual(await at.leftovers(), []);
  });

  it('lets one of two win', async () => {
    const fresh = await tree();
    await edit();
    const outcomes = await Promise.allSettled([at.back(backupId), at.back(backupId), at.back(backupId)]);
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') assert.deepEqual([outcome.reason.code, outcome.reason.status], ['project_busy', 409]);
    }
    assert.deepEqual(await tree(), fresh);
    assert.deepEqual(await at.leftovers(), []);
  });

  it('is refused to a holder that was taken for dead, whose work is gone', async () => {
    await edit();
    const old = await tree();
    const replacement = await at.parts.trees.replace(await at.tree(), []);
    await replacement.file('a', 0o644, once('other'));
    await runOutLocks(at.site, at.bucket.name);
    assert.deepEqual(await at.parts.trees.recover(), [{ projectPath: at.path, outcome: 'undone' }]);
    await assert.rejects(replacement.commit(), { code: 'project_busy' });
    await replacement.close();
    assert.deepEqual(await tree(), old);
  });

  it('leaves a living holder alone', async () => {
    await edit();
    const replacement = await at.parts.trees.replace(await at.tree(), []);
    assert.deepEqual(await at.parts.trees.recover(), []);
    await assert.rejects(at.parts.trees.replace(await at.tree(), []), { code: 'project_busy', status: 409 });
    await replacement.file('a', 0o644, once('other'));
    await replacement.commit();
    await replacement.close();
    assert.deepEqual(await tree(), { a: 'file 644 other' });
  });

  it('rolls nothing back when an object changes before it is committed', async () => {
    await edit();
    const parts = {
      ...at.parts,
      objects: {
        ...at.parts.objects,
        // The last that a safety backup does before it is verified.
        async delete(bucket: string, name: string) {
          await at.parts.objects.delete(bucket, name);
          if (name.startsWith('drafts/')) await at.put('b/run', 'meanwhile');
        },
      },
    };
    const old = { ...(await tree()), 'b/run': 'file 644 meanwhile' };
    await assert.rejects(at.back(backupId, parts), { code: 'project_changed', status: 409, message: /"b\/run"/ });
    assert.deepEqual(await tree(), old);
    assert.deepEqual(await at.leftovers(), []);
  });

  it('rolls nothing back when an object changes after the last look of the backup engine', async () => {
    await edit();
    const replacement = await at.parts.trees.replace(await at.tree(), []);
    await replacement.file('a', 0o644, once('a'));
    await at.put('new', 'meanwhile');
    const old = await tree();
    await assert.rejects(replacement.commit(), { code: 'project_changed', status: 409, message: /"new"/ });
    await replacement.close();
    assert.deepEqual(await tree(), old);
    assert.deepEqual(await at.leftovers(), []);
  });

  it('leaves what somebody changes in the very middle as he left it, does the rest, and says so', async () => {
    const fresh = await tree();
    await edit();
    const replacement = await at.parts.trees.replace(await at.tree(), []);
    for (const [path, text] of [
      ['a', 'a'],
      ['gone', 'gone'],
    ] as const) {
      await replacement.file(path, 0o644, once(text));
    }
    await replacement.folder('b', 0o755);
    await replacement.file('b/run', 0o755, once('run'));
    await replacement.folder('empty', 0o755);
    // The object of the empty folder, the plan, the commit; what comes next is the first step.
    const faults = beforeWrite(at.site, 4, async () => {
      await at.put('a', 'theirs');
      await at.put('added/x', 'theirs too');
    });
    await assert.rejects(replacement.commit(), {
      code: 'changed_during_rollback',
      status: 409,
      message: /was rolled back, but for .*"team\/project\/a", "team\/project\/added\/x"/,
    });
    faults.end();
    await replacement.close();
    assert.deepEqual(await tree(), {
      ...fresh,
      a: 'file 644 theirs',
      added: 'folder 755',
      'added/x': 'file 644 theirs too',
    });
    assert.deepEqual(await at.leftovers(), []);
    await at.tree();
  });

  it('writes only what has another content, and keeps what else an object has', async () => {
    await at.bucket.file(`${PREFIX}page.html`).save('<p>', {
      resumable: false,
      metadata: { contentType: 'text/html', cacheControl: 'no-store', metadata: { owner: 'me' } },
    });
    backupId = await at.backup();
    const generations = async () => {
      const [files] = await at.bucket.getFiles({ prefix: PREFIX });
      return Object.fromEntries(files.map(({ name, metadata }) => [name.slice(PREFIX.length), metadata.generation]));
    };
    const before = await generations();
    await at.bucket.file(`${PREFIX}page.html`).save('<b>', {
      resumable: false,
      metadata: { contentType: 'text/html', cacheControl: 'no-store', metadata: { owner: 'me' } },
    });
    await at.bucket.file(`${PREFIX}b/run`).setMetadata({ metadata: { [MODE]: '600' } });
    await at.back(backupId);
    const { 'page.html': page, ...others } = await generations();
    const { 'page.html': earlier, ...unchanged } = before;
    assert.deepEqual(others, unchanged);
    assert.notEqual(page, earlier);
    const [metadata] = await at.bucket.file(`${PREFIX}page.html`).getMetadata();
    const { contentType, cacheControl, metadata: custom } = metadata;
    assert.deepEqual(
      { contentType, cacheControl, custom },
      { contentType: 'text/html', cacheControl: 'no-store', custom: { owner: 'me' } },
    );
  });
});

async function* once(text: string): AsyncGenerator<Buffer> {
  yield Buffer.from(text);
}
