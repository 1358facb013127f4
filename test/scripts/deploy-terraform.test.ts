import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { topology } from '../../functions/topology.ts';
import { parseEnvironment } from '../../infra/settings.ts';
import { synthesize } from '../../infra/stack.ts';
import { openGoogle } from '../../scripts/deploy/google.ts';
import { keptOf, standing, stateAddresses, takeOver } from '../../scripts/deploy/kept.ts';
import { checkTerraform, terraformIn } from '../../scripts/deploy/terraform.ts';
import { environmentOf } from '../infra/synthesized.ts';
import { temporaryFolder, until } from '../support/folder.ts';
import { bucketAnswer, type GoogleServer, googleServer, NUMBER, PROJECT, serviceDisabled } from '../support/google-server.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

describe('Terraform, for a deployment', function () {
  this.timeout(60_000);
  let folder: ReturnType<typeof temporaryFolder>;
  beforeEach(() => {
    folder = temporaryFolder();
  });
  afterEach(() => folder.remove());

  /** A program of that name before all others on the path. */
  const instead = (script: string) => {
    const bin = join(folder.path, 'bin');
    mkdirSync(bin);
    writeFileSync(join(bin, 'terraform'), `#!/bin/sh\n${script}\n`);
    chmodSync(join(bin, 'terraform'), 0o755);
    return { PATH: `${bin}:${process.env.PATH}` };
  };

  it('is asked for where it is not installed', () =>
    assert.rejects(checkTerraform({ PATH: folder.path }), {
      code: 'terraform_missing',
      message: /not installed.*>= 1\.11\.0.*https:/,
    }));

  for (const [version, old] of [
    ['1.5.7', true],
    ['1.9.12', true],
    ['1.11.0', false],
    ['1.11.4', false],
    ['2.0.0', false],
  ] as const) {
    it(`${old ? 'is refused' : 'will do'} in version ${version}`, async () => {
      const check = checkTerraform(instead(`echo '{"terraform_version": "${version}"}'`));
      if (old)
        await assert.rejects(check, { code: 'terraform_old', message: new RegExp(`Terraform is ${version}.*1\\.11\\.0 or newer`) });
      else await check;
    });
  }

  it('is refused in a version that knows no JSON', () =>
    assert.rejects(checkTerraform(instead(`echo 'Terraform v0.12.31'; echo; echo 'Your version of Terraform is out of date!'`)), {
      code: 'terraform_old',
      message: /Terraform is 0\.12\.31.*1\.11\.0 or newer/,
    }));

  it('is not taken for what fails in its place; what that says is said', () =>
    assert.rejects(checkTerraform(instead('echo "No version is set" >&2; exit 126')), {
      code: 'terraform_missing',
      message: /does not tell its version \(No version is set\).*>= 1\.11\.0.*https:/,
    }));

  it('is not taken for a file that cannot be run', () => {
    const { PATH } = instead('exit 0');
    chmodSync(join(folder.path, 'bin/terraform'), 0o644);
    return assert.rejects(checkTerraform({ PATH: PATH.split(':', 1)[0] }), {
      code: 'terraform_missing',
      message: /EACCES.*https:/,
    });
  });

  describe('the real one', () => {
    before(function () {
      try {
        execFileSync('terraform', ['version'], { stdio: 'ignore' });
      } catch {
        if (this.test) this.test.title += ' (NOT RUN: terraform is not installed)';
        this.skip();
      }
    });

    /** Without the machine's own configuration, and with a registry that nobody reaches. */
    const environment = (more: Readonly<Record<string, string>> = {}) => {
      const empty = join(folder.path, 'terraform.rc');
      writeFileSync(empty, '');
      const { GOOGLE_APPLICATION_CREDENTIALS: _, ...outside } = process.env;
      return { ...outside, TF_CLI_CONFIG_FILE: empty, HTTPS_PROXY: 'http://127.0.0.1:1', HOME: folder.path, ...more };
    };
    const stackOf = (json: object) => {
      const path = join(folder.path, 'stack');
      mkdirSync(path);
      writeFileSync(join(path, 'cdk.tf.json'), JSON.stringify(json));
      return path;
    };
    const synthesized = () => {
      const settings = parseEnvironment({ environments: { dev: environmentOf() } }, 'dev', topology);
      return synthesize({ environment: 'dev', settings, topology, outdir: folder.path });
    };
    const offline = (path: string) => {
      const file = join(path, 'cdk.tf.json');
      const { terraform, ...rest } = JSON.parse(readFileSync(file, 'utf8'));
      const { backend: _, ...without } = terraform;
      writeFileSync(file, JSON.stringify({ ...rest, terraform: without }));
    };

    it('is new enough', () => checkTerraform(process.env));

    it('says in a few words that its registry cannot be reached', async () => {
      const path = synthesized();
      offline(path);
      await quietly(async () => {
        await assert.rejects(terraformIn(path, environment()).quietly(['init']), {
          code: 'terraform_failed',
          message: /^terraform init failed\.\nIts registry.*cannot be reached.*HTTPS_PROXY.*TF_CLI_CONFIG_FILE/,
        });
      });
    });

    it('says that it finds no login for its state', async () => {
      const path = stackOf({ terraform: { backend: { gcs: { bucket: 'acme-agents-state' } } } });
      const bare = environment({ GOOGLE_OAUTH_ACCESS_TOKEN: '', NO_GCE_CHECK: 'true' });
      await quietly(async () => {
        await assert.rejects(terraformIn(path, bare).quietly(['init']), {
          code: 'terraform_failed',
          message: /finds no login: gcloud auth application-default login/,
        });
      });
    });

    it('has an empty state before the first deployment, and no other failure is taken for that', async () => {
      const path = stackOf({ resource: { terraform_data: { one: { input: '1' } } } });
      const terraform = terraformIn(path, environment());
      await terraform.quietly(['init']);
      assert.deepEqual(await stateAddresses(terraform), []);
      await terraform.quietly(['apply', '-auto-approve']);
      assert.deepEqual(await stateAddresses(terraform), ['terraform_data.one']);
      writeFileSync(join(path, 'terraform.tfstate'), 'broken');
      await assert.rejects(stateAddresses(terraform), { code: 'terraform_failed', message: /The state cannot be read/ });
    });

    it('reads a plan’s exit code, and stops at others', async () => {
      const path = stackOf({ resource: { terraform_data: { one: { input: '1' } } } });
      const terraform = terraformIn(path, environment());
      await terraform.quietly(['init']);
      assert.equal((await terraform.quietly(['plan', '-detailed-exitcode'], [0, 2])).code, 2);
      await terraform.quietly(['apply', '-auto-approve']);
      assert.equal((await terraform.quietly(['plan', '-detailed-exitcode'], [0, 2])).code, 0);
      writeFileSync(join(path, 'broken.tf.json'), '{"resource": 1}');
      await quietly(() => assert.rejects(terraform.quietly(['plan', '-detailed-exitcode'], [0, 2]), { code: 'terraform_failed' }));
    });

    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      it(`is let finish on ${signal}: the state is written, and its lock given back`, async () => {
        const path = stackOf({
          resource: {
            terraform_data: {
              first: { input: '1' },
              slow: { input: '2', depends_on: ['terraform_data.first'], provisioner: [{ 'local-exec': { command: 'sleep 2' } }] },
              never: { input: '3', depends_on: ['terraform_data.slow'] },
            },
          },
        });
        const terraform = terraformIn(path, environment());
        await terraform.quietly(['init']);
        const child = applying(path, environment());
        // The whole group, as a terminal does it.
        await until(() => child.output().includes('terraform_data.slow: Provisioning'));
        assert.ok(existsSync(join(path, '.terraform.tfstate.lock.info')));
        process.kill(-child.pid, signal);
        assert.equal(await child.ended, 130, child.output());
        assert.match(child.output(), /Interrupted\. What runs is let finish/);
        assert.match(child.output(), /Gracefully shutting down/);
        assert.doesNotMatch(child.output(), /Two interrupts received/);
        assert.equal(existsSync(join(path, '.terraform.tfstate.lock.info')), false);
        const left = await stateAddresses(terraform);
        assert.ok(left.includes('terraform_data.first') && !left.includes('terraform_data.never'), left.join());
        await terraform.quietly(['apply', '-auto-approve']);
        assert.equal((await stateAddresses(terraform)).length, 3);
      });
    }

    it('names the lock that another one holds, and what gives it back', async () => {
      const path = stackOf({
        resource: { terraform_data: { slow: { provisioner: [{ 'local-exec': { command: 'sleep 3' } }] } } },
      });
      const terraform = terraformIn(path, environment());
      await terraform.quietly(['init']);
      const first = terraform.quietly(['apply', '-auto-approve']);
      await until(() => existsSync(join(path, '.terraform.tfstate.lock.info')));
      await quietly(async () => {
        await assert.rejects(terraformIn(path, environment()).quietly(['apply', '-auto-approve']), {
          message: /Another deployment runs.*terraform force-unlock [0-9a-f-]{36}$/,
        });
      });
      await first;
    });

    describe('takes over what an earlier stack left', () => {
      let google: GoogleServer;
      beforeEach(async () => {
        google = await googleServer();
      });
      afterEach(() => google.close());

      const OWNER = { project: PROJECT, projectNumber: NUMBER };
      const LEFT = {
        [`GET /v1/projects/${PROJECT}/databases/tasks`]: {},
        [`GET /v1/projects/${PROJECT}/secrets/heliograph-signing-key`]: {},
        [`GET /v1/projects/${PROJECT}/secrets/heliograph-signing-key/versions`]: { versions: [{ name: 'x', state: 'ENABLED' }] },
        [`GET /v1/projects/${PROJECT}/secrets/heliograph-webhook-keys/versions`]: {},
        [`GET /storage/v1/b/${PROJECT}-heliograph-uploads`]: { projectNumber: NUMBER },
      };
      const leave = () => {
        for (const [request, body] of Object.entries(LEFT)) google.answers.set(request, { status: 200, body });
      };
      const WANTED = [
        ['google_firestore_database.database_tasks', `projects/${PROJECT}/databases/tasks`],
        ['google_secret_manager_secret.secret_signing-key', `projects/${PROJECT}/secrets/heliograph-signing-key`],
        ['google_storage_bucket.bucket_uploads', `${PROJECT}/${PROJECT}-heliograph-uploads`],
      ];
      const taken = async (path: string) => {
        const client = await openGoogle(google.environment, PROJECT);
        await takeOver(client, terraformIn(path, environment()), path, OWNER);
        const read = (name: string) =>
          existsSync(join(path, name)) ? JSON.parse(readFileSync(join(path, name), 'utf8')) : undefined;
        return { imports: read('kept.tf.json')?.import, secrets: read('kept.auto.tfvars.json')?.kept_secrets };
      };

      it('with imports that Terraform accepts, and no second version of a secret', async () => {
        const path = synthesized();
        offline(path);
        leave();
        const { imports, secrets } = await taken(path);
        assert.deepEqual(imports.map(({ to, id }: { to: string; id: string }) => [to, id]).sort(), WANTED.sort());
        assert.deepEqual(secrets, ['signing-key']);
        // A version that is disabled or destroyed is none: its value cannot be had again.
        const asked = google.listener.received.filter((request) => request.path.includes('/versions'));
        assert.ok(asked.length > 0 && asked.every((request) => request.path.includes('filter=state:ENABLED')));
        const { output } = await terraformIn(path, environment()).quietly(['providers']);
        assert.match(output, /hashicorp\/google\] 6\.50\.0/);
      });

      it('carries such imports out', async () => {
        const path = stackOf({ resource: { terraform_data: { 'signing-key': { input: '1' } } } });
        const imports = [{ to: 'terraform_data.signing-key', id: 'projects/acme-agents/secrets/heliograph-signing-key' }];
        writeFileSync(join(path, 'kept.tf.json'), JSON.stringify({ import: imports }));
        const terraform = terraformIn(path, environment());
        await terraform.quietly(['init']);
        const { output } = await terraform.quietly(['apply', '-auto-approve']);
        assert.match(output, /1 imported, 0 added/);
        // Once it is there, the block changes nothing.
        assert.equal((await terraform.quietly(['plan', '-detailed-exitcode'], [0, 2])).code, 0);
      });

      it('and nothing else: not what its state has, nor what an API that is off cannot have', async () => {
        const path = synthesized();
        const { resource } = JSON.parse(readFileSync(join(path, 'cdk.tf.json'), 'utf8'));
        leave();
        google.answers.set(`GET /v1/projects/${PROJECT}/databases/control`, serviceDisabled('firestore.googleapis.com'));
        const unread = `GET /v1/projects/${PROJECT}/secrets/heliograph-webhook-keys/versions`;
        google.answers.set(unread, serviceDisabled('secretmanager.googleapis.com'));
        // What the deployment before took over is no business of this one.
        for (const stale of ['kept.tf.json', 'kept.auto.tfvars.json']) writeFileSync(join(path, stale), '{}');
        for (const address of WANTED) assert.ok(resource[(address[0] as string).split('.')[0] as string]);
        const addresses = [
          ...WANTED.map(([address]) => address),
          'google_secret_manager_secret_version.first_version_signing-key[0]',
        ];
        const known = instead(`printf '%s\\n' ${addresses.map((address) => `'${address}'`).join(' ')}`);
        const client = await openGoogle(google.environment, PROJECT);
        assert.deepEqual(await takeOver(client, terraformIn(path, known), path, OWNER), []);
        assert.equal(existsSync(join(path, 'kept.tf.json')), false);
        assert.equal(existsSync(join(path, 'kept.auto.tfvars.json')), false);
      });

      it('but no bucket that is in another project, not even one that the state has', async () => {
        const path = synthesized();
        offline(path);
        const bucket = `${PROJECT}-heliograph-archives`;
        google.answers.set(`GET /storage/v1/b/${bucket}`, bucketAnswer({ projectNumber: '666666666666' }));
        const refused = { code: 'not_ready', message: new RegExp(`${bucket} is not in ${PROJECT}: somebody else has taken`) };
        await assert.rejects(taken(path), refused);
        const client = await openGoogle(google.environment, PROJECT);
        const known = instead(`echo google_storage_bucket.bucket_archives`);
        await assert.rejects(takeOver(client, terraformIn(path, known), path, OWNER), refused);
        assert.equal(existsSync(join(path, 'kept.tf.json')), false);
        const { body } = bucketAnswer({ projectNumber: '666666666666' });
        google.answers.set(`GET /storage/v1/b/${PROJECT}-heliograph-uploads`, { status: 200, body });
        assert.deepEqual(await standing(client, keptOf(path, PROJECT), OWNER), []);
      });

      it('and stops where it cannot tell', async () => {
        const path = synthesized();
        offline(path);
        google.answers.set(`GET /v1/projects/${PROJECT}/databases/tasks`, {
          status: 500,
          body: { error: { code: 500, message: 'Internal' } },
        });
        await assert.rejects(taken(path), {
          code: 'google_refused',
          message: /databases\/tasks is there cannot be told: Internal/,
        });
      });
    });
  });
});

/** A command that applies, in a process group of its own. */
function applying(path: string, environment: NodeJS.ProcessEnv) {
  const module = (file: string) => JSON.stringify(pathToFileURL(join(ROOT, 'scripts', file)).href);
  const script = `
    import { runCommand } from ${module('command-line/command.ts')};
    import { terraformIn } from ${module('deploy/terraform.ts')};
    await runCommand(async (command) => {
      command.terraform = terraformIn(${JSON.stringify(path)}, process.env);
      await command.terraform.run(['apply', '-auto-approve']);
    });
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { env: environment, detached: true });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += chunk;
    });
  }
  const ended = new Promise<number | null>((end) => child.on('close', (code) => end(code)));
  return { pid: child.pid as number, output: () => output, ended };
}

/** A failure is shown to the user; not among the tests' results. */
async function quietly(test: () => Promise<void>): Promise<void> {
  const { write } = process.stderr;
  process.stderr.write = () => true;
  try {
    await test();
  } finally {
    process.stderr.write = write;
  }
}
