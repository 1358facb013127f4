import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { newBackupId, readManifest } from '../../../functions/core/backups/manifest.ts';
import { takeBackup } from '../../../functions/core/backups/take.ts';
import { verifyBackup } from '../../../functions/core/backups/verify.ts';
import { temporaryFolder } from '../../support/folder.ts';
import { inChild } from './killing.ts';
import { allSettled, makeTree, type Place, PROJECT, place, seen } from './kit.ts';

/** Files enough that a kill falls into every step. */
function fill(folder: string, text: string): void {
  const files = Array.from({ length: 400 }, (_, index) => [`${index % 20}/${index % 7}/f${index}`, `${text} ${index}`] as const);
  // In between, so that blobs are stored from the beginning to the end.
  const large = Array.from({ length: 5 }, (_, index) => [`${index * 2}-large`, randomBytes(6_000_000)] as const);
  // What is the same each time: a rollback links it.
  const same = Array.from({ length: 100 }, (_, index) => [`same/${index % 5}/f${index}`, `same ${index}`] as const);
  makeTree(folder, { ...Object.fromEntries([...files, ...large, ...same]), '.gitignore': '*.tmp\n' });
  makeTree(folder, Object.fromEntries(files.slice(0, 60).map(([path]) => [`${path}.tmp`, 'ignored'])));
}

/** How many were killed in which phase. */
export type Phases = Record<string, number>;

/** Kills `times` rollbacks at random moments; after each, the next start finds the old tree or the new one. */
export async function killRollbacks(
  times: number,
): Promise<{ readonly killed: number; readonly old: number; readonly fresh: number; readonly phases: Phases }> {
  const within = temporaryFolder();
  try {
    const at = place(within);
    fill(at.project, 'first');
    const fresh = seen(at.project);
    const backupId = await at.backup();
    rmSync(at.project, { recursive: true });
    fill(at.project, 'second');
    rmSync(join(at.project, '3'), { recursive: true });
    makeTree(at.project, { 'added/x': 'x', 'added/x.tmp': 'ignored' });
    const old = seen(at.project);
    // The rollback moves what is ignored, also into folders that came later, and leaves out what went with its folder.
    const kept = Object.entries(fresh).filter(([path]) => !/^3\/.*\.tmp$/.test(path));
    const added = { added: 'folder 755', 'added/x.tmp': 'file 644 ignored' };
    const expected = Object.fromEntries([...kept, ...Object.entries(added)]);
    const spare = join(within.path, 'spare');
    cpSync(at.project, spare, { recursive: true });

    // Known by their stamps from the first moment on, so that what is the same is linked.
    const known = async () => {
      const request = { projectId: PROJECT, backupId: newBackupId(at.parts), description: 'knows the stamps' };
      await takeBackup(at.parts, allSettled(await at.tree()), request);
    };
    const inode = () => statSync(join(at.project, 'same/0/f0')).ino;

    await known();
    const linked = inode();
    let { ms } = await inChild(within.path, 'roll-back', backupId);
    assert.deepEqual(sorted(seen(at.project)), sorted(expected));
    assert.equal(inode(), linked);
    const counts = { killed: 0, old: 0, fresh: 0, phases: {} as Phases };
    for (let run = 0; counts.killed < times; run += 1) {
      rmSync(at.project, { recursive: true });
      cpSync(spare, at.project, { recursive: true });
      await known();
      const backups = manifestsOf(at);
      const phase = () => rollbackPhase(at, manifestsOf(at) > backups);
      // Every moment alike; and in turn soon after a step has begun, which on a busy machine no time tells.
      const step = STEPS[run % (2 * STEPS.length)];
      const killFrom = step === undefined ? undefined : () => phase() >= step;
      const killAfterMs = (Math.random() * ms) / (step === undefined ? 1 : 30);
      const ended = await inChild(within.path, 'roll-back', backupId, { killAfterMs, killFrom });
      if (ended.signal === 'SIGKILL') {
        counts.killed += 1;
        counts.phases[phase()] = (counts.phases[phase()] ?? 0) + 1;
      } else {
        assert.equal(ended.stderr, '');
        // The machine is not always as busy.
        ms = ended.ms;
      }
      const recovered = await at.parts.trees.recover();
      assert.deepEqual(
        recovered.filter(({ problem }) => problem),
        [],
      );
      const found = sorted(seen(at.project));
      const isOld = JSON.stringify(found) === JSON.stringify(sorted(old));
      if (!isOld) assert.deepEqual(found, sorted(expected), `run ${run}: neither the old tree nor the new one`);
      counts[isOld ? 'old' : 'fresh'] += 1;
      assert.deepEqual(readdirSync(dirname(at.project)), ['project']);
      assert.deepEqual(
        readdirSync(at.state).filter((name) => name.endsWith('.json')),
        [],
      );
    }
    return counts;
  } finally {
    within.remove();
  }
}

/** The phases that take long enough to be seen, by which a kill can be timed. */
const STEPS = ['1 building', '2 safety backup', '3 linking and syncing', '4 journalled'];

const manifestsOf = (at: Place): number => readdirSync(join(at.objects, 'backups', 'manifests', PROJECT)).length;

/** By what lies on the disk. */
function rollbackPhase(at: Place, hasSafety: boolean): string {
  const name = readdirSync(at.state).find((one) => one.endsWith('.json'));
  const text = name === undefined ? undefined : textOf(join(at.state, name));
  if (text === undefined) return hasSafety ? '7 done' : '0 begun';
  const { phase, work } = JSON.parse(text) as { phase: string; work: string };
  const drafts = join(at.objects, 'backups', 'drafts', PROJECT);
  if (phase === 'building') {
    if (hasSafety) return '3 linking and syncing';
    return existsSync(drafts) && readdirSync(drafts).length > 0 ? '2 safety backup' : '1 building';
  }
  const [hasNew, hasOld] = [existsSync(join(work, 'new')), existsSync(join(work, 'old'))];
  if (hasNew) return hasOld ? '5 exchanging' : '4 journalled';
  return '6 removing the old tree';
}

/** Of a file that may go at any moment. */
function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** Kills `times` backups at random moments; each goes on to the end, and nothing that was stored is stored again. */
export async function killBackups(
  times: number,
): Promise<{ readonly killed: number; readonly resumed: number; readonly phases: Phases }> {
  const counts = { killed: 0, resumed: 0, phases: {} as Phases };
  let whole = 0;
  // The first one is let run to its end, to know how long that takes.
  for (let run = 0; counts.killed < times; run += 1) {
    const within = temporaryFolder();
    try {
      const at = place(within);
      fill(at.project, `run ${run}`);
      const backupId = newBackupId(at.parts);
      const killAfterMs = run === 0 ? undefined : Math.random() * whole;
      const { signal, ms } = await inChild(within.path, 'take', backupId, { killAfterMs });
      if (signal !== 'SIGKILL') whole = ms;
      const there = blobsOf(at);
      if (signal === 'SIGKILL') {
        counts.killed += 1;
        const phase = backupPhase(at, there.length);
        counts.phases[phase] = (counts.phases[phase] ?? 0) + 1;
      }
      const puts: string[] = [];
      const parts = {
        ...at.parts,
        objects: {
          ...at.parts.objects,
          put: async (...given: Parameters<typeof at.parts.objects.put>) => {
            const isNew = await at.parts.objects.put(...given);
            if (isNew && given[1].startsWith('blobs/')) puts.push(given[1]);
            else assert.ok(!given[1].startsWith('blobs/'), 'a blob was sent that is there');
            return isNew;
          },
        },
      };
      const done = await readManifest(at.parts, PROJECT, backupId).catch(() => undefined);
      if (done === undefined) await takeBackup(parts, await at.tree(), { projectId: PROJECT, backupId, description: 'goes on' });
      if (done === undefined && there.length > 0) counts.resumed += 1;
      assert.deepEqual(
        puts.filter((name) => there.includes(name)),
        [],
      );
      const { corrupt, files } = await verifyBackup(at.parts, { projectId: PROJECT, backupId });
      assert.deepEqual([corrupt, files], [[], 506]);
    } finally {
      within.remove();
    }
  }
  return counts;
}

function backupPhase(at: Place, blobs: number): string {
  const [drafts, manifests] = ['drafts', 'manifests'].map((kind) => {
    const folder = join(at.objects, 'backups', kind, PROJECT);
    return existsSync(folder) && readdirSync(folder).length > 0;
  });
  if (manifests) return drafts ? '3 written' : '4 done';
  if (!drafts) return '0 begun';
  return blobs === 0 ? '1 no blob yet' : '2 storing';
}

function blobsOf(at: Place): string[] {
  const folder = join(at.objects, 'backups', 'blobs');
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => `blobs/${name}`);
  } catch {
    return [];
  }
}

const sorted = (tree: Record<string, string>) => Object.fromEntries(Object.entries(tree).sort(([a], [b]) => (a < b ? -1 : 1)));
