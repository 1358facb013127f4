/** `npm run deploy`: the functions and everything that they need, in a Google Cloud project; tried out when it is there. */

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { functionUrl } from '../functions/core/addresses.ts';
import { Problem } from '../functions/core/errors.ts';
import { topology } from '../functions/topology.ts';
import { synthesize } from '../infra/stack.ts';
import { nameArchives, pathsOf, readArchives, writeArchives } from './bundle/archives.ts';
import { ask } from './command-line/ask.ts';
import { type Command, readFlags, runCommand } from './command-line/command.ts';
import { type Deployment, readDeployment } from './deploy/environment.ts';
import { openGoogle } from './deploy/google.ts';
import { takeOver } from './deploy/kept.ts';
import { lockFolder } from './deploy/lock.ts';
import { checkProject } from './deploy/preflight.ts';
import { ensureStateBucket } from './deploy/state-bucket.ts';
import { checkTerraform, type Terraform, terraformIn } from './deploy/terraform.ts';
import { smokeDeployed } from './smoke/deployed.ts';

const USAGE = `Usage: npm run deploy -- --env dev|prod [flags]

Bundles the functions, plans with Terraform, asks, applies, and tries out what was deployed. By infra/settings.yaml.

  --env <name>       dev or prod
  --plan             shows what would be changed and stops; it may make the bucket for Terraform's state, if you agree
  --yes              asks nothing: makes a missing bucket for the state, and applies
  --archives <dir>   deploys what npm run bundle -- --out <folder> has written: the same bytes to dev, then to prod
  --no-smoke         leaves out the trial at the end
  --settings <file>  another settings file
  --out <folder>     where archives and stack are written (.heliograph/deploy)
  --help             this text

Exit code 0: done. 1: Terraform or the trial failed, and something may have been changed. 2: nothing was changed; the message says
what to do. 130: interrupted; Terraform was let finish what it was doing, and its state is written.`;

const OPTIONS = {
  env: { type: 'string' },
  plan: { type: 'boolean' },
  yes: { type: 'boolean' },
  archives: { type: 'string' },
  'no-smoke': { type: 'boolean' },
  settings: { type: 'string' },
  out: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** Terraform's exit code of a plan with changes. */
const CHANGES = 2;
const PLAN = 'deploy.tfplan';

await runCommand(async (command) => {
  const flags = readFlags(process.argv.slice(2), OPTIONS, USAGE);
  if (flags.help) return console.log(USAGE);
  if (flags.env === undefined) throw new Problem(422, 'invalid_flags', `Which environment? --env dev, or --env prod\n\n${USAGE}`);
  const deployment = readDeployment({ env: flags.env, settings: flags.settings, folder: flags.out });
  const { project, region } = deployment.settings;
  const yes = flags.yes === true;
  const given = flags.archives === undefined ? undefined : readArchives(flags.archives);

  lockFolder(deployment.folder, command.release);
  await checkTerraform(process.env);
  const google = await openGoogle(process.env, project);
  const notes = [
    ...(await checkProject(google, deployment)),
    ...(await ensureStateBucket(
      google,
      deployment,
      async (question) => yes || agrees(await ask(`${question} (y/N)`, 'pass --yes.')),
    )),
  ];
  for (const note of notes) console.log(note);

  const { stack, terraform } = await prepare(deployment, command, given);
  const taken = await takeOver(google, terraform, stack, deployment.settings);
  if (taken.length > 0) console.log(`Taken over from an earlier deployment: ${taken.map(({ what }) => what).join(', ')}.`);
  const { code } = await terraform.run(['plan', `-out=${PLAN}`, '-detailed-exitcode', '-lock-timeout=60s'], [0, CHANGES]);
  if (flags.plan) return console.log('\nThat was the plan; nothing of it was carried out. Without --plan it is.');
  if (code === CHANGES) {
    if (!yes && !agrees(await ask(`\nApply this to the project ${project} in ${region}? (y/N)`, 'pass --yes, or --plan.'))) {
      throw new Problem(422, 'declined', 'Nothing was changed.');
    }
    await terraform.run(['apply', '-lock-timeout=60s', PLAN]);
  }
  await sayWhere(deployment, terraform);
  if (!flags['no-smoke']) await smokeDeployed(deployment, command.release);
  console.log(`\nAn API key: npm run key -- --env ${deployment.name}`);
});

/** Writes archives and stack, and readies Terraform. */
async function prepare(
  deployment: Deployment,
  command: Command,
  given: Readonly<Record<string, string>> | undefined,
): Promise<{ stack: string; terraform: Terraform }> {
  const { name, settings, folder } = deployment;
  const archives = given ?? (await bundled(join(folder, 'archives')));
  const stack = synthesize({ environment: name, settings, topology, outdir: folder });
  nameArchives(stack, archives);
  command.terraform = terraformIn(stack, process.env);
  command.release.defer(() => rmSync(join(stack, PLAN), { force: true }));
  console.log('Readying Terraform; the first time, its providers are fetched …');
  // The settings say where the state is, whatever they said the last time.
  await command.terraform.quietly(['init', '-reconfigure']);
  return { stack, terraform: command.terraform };
}

async function bundled(folder: string): Promise<Readonly<Record<string, string>>> {
  console.log('Bundling …');
  rmSync(folder, { recursive: true, force: true });
  return pathsOf(await writeArchives(folder));
}

async function sayWhere({ settings, naming }: Deployment, terraform: Terraform): Promise<void> {
  console.log(`\nHeliograph is at ${functionUrl(naming, 'dispatch')}`);
  if (settings.balancer === undefined) return;
  const { output } = await terraform.quietly(['output', '-json']);
  const address = (JSON.parse(output) as { balancer_address?: { value: string } }).balancer_address?.value;
  console.log(`${settings.balancer.domain} has to resolve to ${address}; its certificate comes some minutes after that.`);
}

function agrees(answer: string): boolean {
  return /^y(es)?$/i.test(answer);
}
