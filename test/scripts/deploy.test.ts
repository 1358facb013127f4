import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { topology } from '../../functions/topology.ts';
import { nameArchives } from '../../scripts/bundle/archives.ts';
import { archiveFile } from '../../scripts/bundle/bundle-function.ts';
import { lockFolder } from '../../scripts/deploy/lock.ts';
import { environmentOf } from '../infra/synthesized.ts';
import { temporaryFolder } from '../support/folder.ts';
import { bucketAnswer, type GoogleServer, googleServer, PROJECT, refusal, STATE_BUCKET } from '../support/google-server.ts';
import { type StandIn, terraformStandIn } from '../support/terraform-stand-in.ts';

const SCRIPTS = fileURLToPath(new URL('../../scripts', import.meta.url));

/** What Terraform is told of the archives. */
const archivesOf = (stack: string): Record<string, string> =>
  JSON.parse(readFileSync(join(stack, 'archives.auto.tfvars.json'), 'utf8')).archives;

describe('npm run deploy, npm run destroy', function () {
  this.timeout(60_000);
  const bundles = temporaryFolder();
  let folder: ReturnType<typeof temporaryFolder>;
  let google: GoogleServer;
  let terraform: StandIn;
  before(() => {
    // What Terraform is told of; that real ones are made of the functions is a test of its own.
    const archives = Object.keys(topology.functions).map(
      (name) => [name, `/elsewhere/${archiveFile(name, Buffer.from('PK'))}`] as const,
    );
    for (const [, path] of archives) writeFileSync(join(bundles.path, basename(path)), 'PK');
    nameArchives(bundles.path, Object.fromEntries(archives));
  });
  after(() => bundles.remove());
  beforeEach(async () => {
    folder = temporaryFolder();
    google = await googleServer();
    terraform = terraformStandIn(folder.path);
    writeFileSync(
      join(folder.path, 'settings.yaml'),
      stringify({ environments: { dev: environmentOf({ publicFunctions: ['dispatch'] }) } }),
    );
  });
  afterEach(async () => {
    await google.close();
    folder.remove();
  });

  /** Without a terminal, as in CI. */
  const command = (script: 'deploy' | 'destroy', ...flags: string[]) =>
    new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
      const args = [
        join(SCRIPTS, `${script}.ts`),
        '--settings',
        join(folder.path, 'settings.yaml'),
        '--out',
        join(folder.path, 'out'),
        ...flags,
      ];
      const env = { ...process.env, ...google.environment, PATH: `${terraform.bin}:${process.env.PATH}` };
      const child = execFile(process.execPath, args, { env }, (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
      );
      child.stdin?.end();
    });
  const deploy = (...flags: string[]) => command('deploy', '--env', 'dev', '--archives', bundles.path, ...flags);
  const stack = () => join(folder.path, 'out/dev/stacks/dev');

  it('--help tells of the flags and of the exit codes', async () => {
    for (const script of ['deploy', 'destroy'] as const) {
      const { code, stdout } = await command(script, '--help');
      assert.equal(code, 0);
      assert.match(stdout, /--env <name>.*--yes.*Exit code 0: .*1: .*2: .*130: /s);
    }
  });

  const refused: [what: string, flags: string[], message: RegExp][] = [
    ['no environment', [], /Which environment\? --env dev, or --env prod/],
    ['an environment that is not there', ['--env', 'prod'], /environments\.prod: is missing/],
    ['an unknown flag', ['--env', 'dev', '--fast'], /Unknown option '--fast'/],
  ];
  for (const [what, flags, message] of refused) {
    it(`refuses ${what}, with exit code 2`, async () => {
      for (const script of ['deploy', 'destroy'] as const) {
        const { code, stderr } = await command(script, ...flags);
        assert.equal(code, 2, stderr);
        assert.match(stderr, message);
        assert.doesNotMatch(stderr, /at .*\.ts:/);
      }
      assert.deepEqual(google.listener.received, []);
      assert.deepEqual(terraform.commands(), []);
    });
  }

  it('--plan shows the plan and changes nothing', async () => {
    const { code, stdout, stderr } = await deploy('--plan');
    assert.equal(code, 0, stderr);
    assert.match(stdout, new RegExp(`Plan: 0 to import, ${Object.keys(topology.functions).length} archives`));
    assert.match(stdout, /That was the plan; nothing of it was carried out/);
    assert.deepEqual(terraform.commands(), ['init', 'state list', 'plan']);
    assert.ok(google.listener.received.every(({ method }) => method === 'GET'));
    assert.equal(existsSync(join(stack(), 'deploy.tfplan')), false);
  });

  it('keeps a second one out of its folder, whose plan it would carry out, until it has ended', async () => {
    const release = new AsyncDisposableStack();
    const before = terraform.commands().length;
    lockFolder(join(folder.path, 'out/dev'), release);
    for (const script of ['deploy', 'destroy'] as const) {
      const { code, stderr } = await command(script, '--env', 'dev', '--yes', ...(script === 'destroy' ? ['acme-agents'] : []));
      assert.equal(code, 2, stderr);
      assert.match(stderr, /Another deployment uses .*choose another folder with --out/);
    }
    assert.equal(terraform.commands().length, before);
    await release.disposeAsync();
    assert.equal((await deploy('--plan')).code, 0);
  });

  it('--yes applies, by archives that it has made, and says where it is', async function () {
    // Seven functions are bundled, perhaps while others use the machine.
    this.timeout(240_000);
    const { code, stdout, stderr } = await command('deploy', '--env', 'dev', '--yes', '--no-smoke');
    assert.equal(code, 0, stderr);
    assert.deepEqual(terraform.commands(), ['init', 'state list', 'plan', 'apply']);
    assert.match(stdout, /Heliograph is at https:\/\/heliograph-dispatch-123456789012\.europe-west1\.run\.app\n/);
    assert.match(stdout, /npm run key -- --env dev/);
    const named = archivesOf(stack());
    assert.deepEqual(Object.keys(named).sort(), Object.keys(topology.functions).sort());
    for (const path of Object.values(named)) assert.ok(statSync(path).size > 1000, path);
  });

  it('--archives applies those that are there, wherever they were made', async () => {
    assert.equal((await deploy('--yes', '--no-smoke')).code, 0);
    for (const [name, path] of Object.entries(archivesOf(stack()))) {
      assert.equal(path, join(bundles.path, archiveFile(name, Buffer.from('PK'))));
    }
  });

  it('--archives refuses a folder that lacks one', async () => {
    const none = await deploy('--archives', folder.path);
    assert.equal(none.code, 2);
    assert.match(none.stderr, /There are no archives in .*npm run bundle -- --out <folder>/);
    nameArchives(folder.path, { dispatch: '/elsewhere/dispatch-1.zip' });
    assert.match((await deploy('--archives', folder.path)).stderr, /There is no archive of dispatch in /);
    assert.deepEqual(google.listener.received, []);
  });

  it('--archives refuses one whose bytes are not those that were tried out', async () => {
    const path = join(bundles.path, archiveFile('dispatch', Buffer.from('PK')));
    writeFileSync(path, 'PK, and more');
    try {
      const { code, stderr } = await deploy('--yes', '--no-smoke');
      assert.equal(code, 2);
      assert.match(stderr, /dispatch-[0-9a-f]{16}\.zip is not the archive that was made/);
      assert.deepEqual(google.listener.received, []);
    } finally {
      writeFileSync(path, 'PK');
    }
  });

  it('takes the state from where the settings have it, and waits a minute for its lock', async () => {
    await deploy('--yes', '--no-smoke');
    await command('destroy', '--env', 'dev', '--yes', PROJECT);
    for (const flags of terraform.flags('init')) assert.ok(flags.includes('-reconfigure'), flags.join(' '));
    for (const name of ['plan', 'apply', 'state rm', 'destroy']) {
      const [flags = [], ...others] = terraform.flags(name);
      assert.ok(others.length === 0 && flags.includes('-lock-timeout=60s'), `${name} ${flags.join(' ')}`);
    }
  });

  it('applies nothing where nothing has changed', async () => {
    await deploy('--yes', '--no-smoke');
    const { code } = await deploy('--yes', '--no-smoke');
    assert.equal(code, 0);
    assert.deepEqual(terraform.commands().slice(4), ['init', 'state list', 'plan']);
  });

  it('applies nothing that nobody has agreed to', async () => {
    const { code, stderr } = await deploy();
    assert.equal(code, 2);
    assert.match(stderr, /Apply this to the project acme-agents in europe-west1\?.*no terminal to ask on: pass --yes, or --plan/s);
    assert.deepEqual(terraform.state(), []);
  });

  it('makes no bucket that nobody has agreed to; --yes agrees', async () => {
    google.answers.set(`GET /storage/v1/b/${STATE_BUCKET}`, refusal(404, 'The specified bucket does not exist.'));
    const posts = () => google.listener.received.filter(({ method }) => method === 'POST').length;
    const { code, stderr } = await deploy();
    assert.equal(code, 2);
    assert.match(stderr, /There is no bucket acme-agents-state.*pass --yes/s);
    assert.equal(posts(), 0);
    const agreed = await deploy('--yes', '--no-smoke');
    assert.equal(agreed.code, 0, agreed.stderr);
    assert.match(agreed.stdout, /Made gs:\/\/acme-agents-state/);
    assert.equal(posts(), 1);
  });

  it('exits with 2 for a project that is not ready, before anything is bundled', async () => {
    google.answers.set(`GET /v1/projects/${PROJECT}/billingInfo`, { status: 200, body: { billingEnabled: false } });
    const { code, stdout, stderr } = await command('deploy', '--env', 'dev', '--yes');
    assert.equal(code, 2);
    assert.match(stderr, /gcloud billing projects link acme-agents/);
    assert.doesNotMatch(stdout, /Bundling/);
    assert.deepEqual(terraform.commands(), []);
  });

  it('exits with 1 when Terraform fails', async () => {
    terraform.fail('apply', 1);
    const { code, stderr } = await deploy('--yes');
    assert.equal(code, 1);
    assert.match(stderr, /as the test wants it.*terraform apply failed/s);
    assert.equal(existsSync(join(stack(), 'deploy.tfplan')), false);
  });

  it('exits with 1 when what was deployed does not work, having said where it is', async () => {
    // Nothing listens there, so there is no key to be had for the trial.
    const outside = process.env.FIRESTORE_EMULATOR_HOST;
    process.env.FIRESTORE_EMULATOR_HOST = new URL(google.listener.url).host;
    try {
      const { code, stdout, stderr } = await deploy('--yes');
      assert.equal(code, 1, stdout + stderr);
      assert.match(stdout, /Heliograph is at https:/);
      assert.match(stderr, /The database control of acme-agents cannot be used: /);
    } finally {
      if (outside === undefined) delete process.env.FIRESTORE_EMULATOR_HOST;
      else process.env.FIRESTORE_EMULATOR_HOST = outside;
    }
  });

  describe('destroy', () => {
    const KEPT = [
      'google_firestore_database.',
      'google_storage_bucket.',
      'google_secret_manager_secret.',
      'google_secret_manager_secret_version.',
    ];
    const LEFT = ['databases/tasks', 'databases/control', ...topology.secrets.map((name) => `secrets/heliograph-${name}`)];
    beforeEach(async () => {
      await deploy('--yes', '--no-smoke');
      for (const path of LEFT) google.answers.set(`GET /v1/projects/${PROJECT}/${path}`, { status: 200, body: {} });
      for (const name of [...Object.keys(topology.buckets), 'archives'])
        google.answers.set(`GET /storage/v1/b/${PROJECT}-heliograph-${name}`, bucketAnswer());
    });
    const destroy = (...flags: string[]) => command('destroy', '--env', 'dev', ...flags);

    it('takes down all but what holds data, and names that', async () => {
      const kept = terraform.state().filter((address) => KEPT.some((type) => address.startsWith(type)));
      assert.equal(kept.length, 2 + Object.keys(topology.buckets).length + 1 + 2 * topology.secrets.length);
      const { code, stdout, stderr } = await destroy('--yes', PROJECT);
      assert.equal(code, 0, stderr);
      assert.deepEqual(terraform.commands().slice(4), ['init', 'state list', 'state rm', 'destroy']);
      const [before, after] = stdout.split('What is left, and what removes it for good:');
      for (const what of [
        'database tasks (protected)',
        'bucket gs://acme-agents-heliograph-uploads',
        'secret heliograph-signing-key',
      ]) {
        assert.ok(before?.includes(what), what);
        assert.ok(after?.includes(what), what);
      }
      assert.match(after as string, /gcloud firestore databases delete --database=tasks --project acme-agents/);
      assert.match(after as string, /gcloud storage rm --recursive gs:\/\/acme-agents-state/);
    });

    it('and the next deployment takes that over', async () => {
      await destroy('--yes', PROJECT);
      const { code, stdout, stderr } = await deploy('--yes', '--no-smoke');
      assert.equal(code, 0, stderr);
      const imports = 2 + Object.keys(topology.buckets).length + 1 + topology.secrets.length;
      assert.match(stdout, new RegExp(`Plan: ${imports} to import`));
      assert.match(stdout, /Taken over from an earlier deployment: .*database tasks \(protected\), bucket/);
    });

    for (const [what, flags, message] of [
      ['without a word from anybody', [], /type the id of the project \(acme-agents\).*pass --yes acme-agents/s],
      ['for another project’s id', ['--yes', 'acme-other'], /'acme-other' is not acme-agents: nothing was changed/],
    ] as const) {
      it(`changes nothing ${what}`, async () => {
        const there = terraform.state();
        const { code, stderr } = await destroy(...flags);
        assert.equal(code, 2, stderr);
        assert.match(stderr, message);
        assert.deepEqual(terraform.state(), there);
        assert.deepEqual(terraform.commands().slice(4), ['init', 'state list']);
      });
    }

    it('exits with 1 when Terraform fails, and goes on when called again', async () => {
      terraform.fail('destroy', 1);
      assert.equal((await destroy('--yes', PROJECT)).code, 1);
      const { code, stderr } = await destroy('--yes', PROJECT);
      assert.equal(code, 0, stderr);
      assert.deepEqual(terraform.state(), []);
    });

    it('says so where nothing stands', async () => {
      await destroy('--yes', PROJECT);
      const { code, stdout } = await destroy('--yes', PROJECT);
      assert.equal(code, 0);
      assert.match(stdout, /Nothing of dev stands in the project acme-agents/);
    });
  });
});
