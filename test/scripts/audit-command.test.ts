import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { renameSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { AUDIT, auditId, entryId } from '../../functions/core/audit/audit.ts';
import { SEALS, unsigned } from '../../functions/core/audit/seals.ts';
import { describeWithEmulators } from '../support/emulators.ts';
import { temporaryFolder, until } from '../support/folder.ts';
import type { TestStack } from '../support/stack.ts';
import { embeddedStack } from '../support/stack-embedded.ts';
import { emulatedStack } from '../support/stack-emulated.ts';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
/** The sweeper itself seals, under the roles that it has. */
const SEALING = { 'times.sealMs': 300, 'times.sealLagMs': 1 };

async function audit(args: readonly string[], environment: Record<string, string | undefined> = {}) {
  const child = spawn(process.execPath, ['scripts/audit.ts', ...args], {
    cwd: ROOT,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 120_000,
  });
  const ended = new Promise<number | null>((done) => child.once('close', done));
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await ended, stdout, stderr };
}

/** Decisions about an agent, and a task, all of it sealed. */
async function recorded(stack: TestStack): Promise<string> {
  await stack.post('/register-agent', { name: 'a', handler_type: 'mock' });
  await stack.post('/agents/a/disable', {});
  await stack.post('/agents/a/enable', {});
  const { id } = await stack.run({});
  await until(async () => {
    const { objects } = await stack.objects.list(SEALS, '');
    const bodies = await Promise.all(objects.map(({ name }) => stack.objects.get(SEALS, name)));
    const heads = bodies.flatMap((bytes) => {
      const value = bytes && unsigned(stack.signing, bytes)?.value;
      return value?.kind === 'seal' ? value.heads : [];
    });
    const isSealed = (count: number, is: (head: (typeof heads)[number]) => boolean) =>
      heads.some((head) => head.count === count && is(head));
    return isSealed(3, (head) => 'entity' in head) && isSealed(3, (head) => 'task' in head && head.task === id);
  });
  return id;
}

describe('npm run audit:verify and audit:export', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  let task: string;
  before(async () => {
    const stack = await embeddedStack({ dataDir: folder.path, ...SEALING });
    task = await recorded(stack);
    const { code, stderr } = await audit(['verify', '--data-dir', folder.path]);
    assert.equal(code, 2, 'while it runs');
    assert.match(stderr, /Another process is using the data .* Stop it first/);
    await stack.stop();
  });
  after(() => folder.remove());

  const database = (change: (open: DatabaseSync) => void) => {
    const open = new DatabaseSync(join(folder.path, 'heliograph.db'));
    change(open);
    open.close();
  };
  const entry = entryId(auditId('default', 'agent:a'), 2);

  it('verify tells what it has seen, and ends with 0', async () => {
    const { code, stdout, stderr } = await audit(['verify', '--data-dir', folder.path]);
    assert.equal(code, 0, stdout);
    assert.equal(stdout, '');
    assert.match(stderr, /^Nothing is wrong in the record of .*: 3 entries of 1 entities, 1 tasks, \d+ heads in \d+ seals/);
  });

  it('export writes every entry as a line, and goes on behind a cursor', async () => {
    const { code, stdout } = await audit(['export', '--data-dir', folder.path]);
    assert.equal(code, 0);
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const events = lines.map(({ entity, event }) => `${entity} ${event}`);
    const decided = ['registered', 'disabled', 'enabled'].map((event) => `agent:a ${event}`);
    const ran = ['queued', 'running', 'succeeded'].map((event) => `task:${task} ${event}`);
    assert.deepEqual(events, [...decided, ...ran]);
    const rest = await audit(['export', '--data-dir', folder.path, '--after', String(lines[1]?.cursor)]);
    assert.deepEqual(rest.stdout, stdout.split('\n').slice(2).join('\n'));
    assert.deepEqual((await audit(['export', '--data-dir', folder.path, '--after', String(lines.at(-1)?.cursor)])).stdout, '');
    assert.equal((await audit(['export', '--data-dir', folder.path, '--after', 'x'])).code, 2);
  });

  it('verify names what was edited in the file itself, and ends with 1', async () => {
    database((open) => {
      const sql = `UPDATE documents_audit SET data = replace(data, 'disabled', 'approved') WHERE id = ?`;
      assert.equal(open.prepare(sql).run(entry).changes, 1);
    });
    const { code, stdout, stderr } = await audit(['verify', '--data-dir', folder.path]);
    assert.equal(code, 1);
    assert.match(stdout, /^agent:a of default, entry 2: edited\. .*\n$/);
    assert.match(stderr, /^1 of what is in the record of .* is wrong/);
    const json = await audit(['verify', '--json', '--data-dir', folder.path]);
    const { why: _, ...finding } = JSON.parse(json.stdout) as Record<string, unknown>;
    assert.deepEqual(finding, { entity: 'agent:a of default', number: 2, kind: 'edited' });
    database((open) => {
      open.prepare(`UPDATE documents_audit SET data = replace(data, 'approved', 'disabled') WHERE id = ?`).run(entry);
    });
    assert.equal((await audit(['verify', '--data-dir', folder.path])).code, 0);
  });

  it('verify says clearly that it has no key, or not the right one; export needs none', async () => {
    const key = join(folder.path, 'secrets', 'master.key');
    renameSync(key, `${key}.away`);
    const without = await audit(['verify', '--data-dir', folder.path]);
    assert.deepEqual([without.code, without.stdout], [2, '']);
    assert.match(without.stderr, /no signing key that can be read .*master\.key.*ORCHESTRATOR_MASTER_KEY/);
    const wrong = await audit(['verify', '--data-dir', folder.path], { ORCHESTRATOR_MASTER_KEY: 'another master key' });
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /signing key .* cannot be read.*ORCHESTRATOR_MASTER_KEY/);
    assert.equal((await audit(['export', '--data-dir', folder.path])).code, 0);
    renameSync(`${key}.away`, key);
    assert.equal((await audit(['verify', '--data-dir', folder.path])).code, 0);
  });

  const bad: [args: string[], said: RegExp][] = [
    [[], /verify, or export\?/],
    [['check'], /verify, or export\?/],
    [['verify', '--fix'], /--fix/],
    [['verify', '--data-dir', '/nowhere'], /no record in \/nowhere/],
    [['verify', '--data-dir', 'a', '--env', 'dev'], /Choose one/],
    [['verify', '--emulators'], /needs FIRESTORE_EMULATOR_HOST and STORAGE_EMULATOR_HOST/],
    [['verify', '--env', 'dev', '--settings', '/nowhere.yaml'], /no settings at/],
  ];
  for (const [args, said] of bad) {
    it(`refuses ${args.join(' ') || 'nothing'}`, async () => {
      const { code, stderr } = await audit(args, { FIRESTORE_EMULATOR_HOST: undefined, STORAGE_EMULATOR_HOST: undefined });
      assert.equal(code, 2);
      assert.match(stderr, said);
    });
  }
});

describeWithEmulators('npm run audit:verify against a running emulator runtime', function () {
  this.timeout(180_000);
  let stack: TestStack;
  before(async () => {
    stack = await emulatedStack(SEALING);
  });
  after(() => stack?.stop());

  it('verifies, finds an edit, and exports', async () => {
    await recorded(stack);
    const { dataDir, project } = stack.settings;
    const where = ['--emulators', '--data-dir', dataDir];
    const environment = { ORCHESTRATOR_PROJECT: project };
    const whole = await audit(['verify', ...where], environment);
    assert.deepEqual([whole.code, whole.stdout], [0, ''], whole.stderr);
    assert.match(whole.stderr, /3 entries of 1 entities, 1 tasks/);
    assert.equal((await audit(['export', ...where], environment)).stdout.trimEnd().split('\n').length, 6);
    const id = entryId(auditId('default', 'agent:a'), 3);
    const { version } = (await stack.control.get(AUDIT, id)) ?? { version: '' };
    await stack.control.commit([{ kind: 'update', collection: AUDIT, id, version, set: { actor: 'nobody' } }]);
    const broken = await audit(['verify', ...where], environment);
    assert.equal(broken.code, 1);
    assert.match(broken.stdout, /^agent:a of default, entry 3: edited\./);
  });
});
