/** `npm run destroy`: takes a deployment down. What holds data stays, and is named. */

import { functionUrl } from '../functions/core/addresses.ts';
import { Problem } from '../functions/core/errors.ts';
import { topology } from '../functions/topology.ts';
import { synthesize } from '../infra/stack.ts';
import { nameArchives } from './bundle/archives.ts';
import { ask } from './command-line/ask.ts';
import { readFlags, runCommand } from './command-line/command.ts';
import { readDeployment } from './deploy/environment.ts';
import { openGoogle } from './deploy/google.ts';
import { forget, type Kept, keptOf, standing, stateAddresses } from './deploy/kept.ts';
import { lockFolder } from './deploy/lock.ts';
import { checkProject } from './deploy/preflight.ts';
import { checkTerraform, terraformIn } from './deploy/terraform.ts';

const USAGE = `Usage: npm run destroy -- --env dev|prod [flags]

Takes down what npm run deploy has made. The databases, the buckets and the secrets stay, and the next deployment takes them over.

  --env <name>       dev or prod
  --yes <project>    the id of the project, in the place of typing it
  --settings <file>  another settings file
  --out <folder>     where the stack is written (.heliograph/deploy)
  --help             this text

Exit code 0: done. 1: Terraform failed; call it again. 2: nothing was changed; the message says what to do. 130: interrupted.`;

const OPTIONS = {
  env: { type: 'string' },
  yes: { type: 'string' },
  settings: { type: 'string' },
  out: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

await runCommand(async (command) => {
  const flags = readFlags(process.argv.slice(2), OPTIONS, USAGE);
  if (flags.help) return console.log(USAGE);
  if (flags.env === undefined) throw new Problem(422, 'invalid_flags', `Which environment? --env dev, or --env prod\n\n${USAGE}`);
  const deployment = readDeployment({ env: flags.env, settings: flags.settings, folder: flags.out });
  const { name, settings, naming, folder } = deployment;
  const { project, stateBucket } = settings;

  lockFolder(folder, command.release);
  await checkTerraform(process.env);
  const google = await openGoogle(process.env, project);
  await checkProject(google, deployment);
  const stack = synthesize({ environment: name, settings, topology, outdir: folder });
  // The archives are not read when they go, but have to be named.
  nameArchives(stack, Object.fromEntries(Object.keys(topology.functions).map((one) => [one, `${one}.zip`])));
  const terraform = terraformIn(stack, process.env);
  command.terraform = terraform;
  await terraform.quietly(['init', '-reconfigure']);

  const kept = await standing(google, keptOf(stack, project), settings);
  const known = await stateAddresses(terraform);
  if (known.length === 0)
    return console.log(`Nothing of ${name} stands in the project ${project}.\n${remaining(kept, stateBucket)}`);
  console.log(
    `This takes down ${functionUrl(naming, 'dispatch')}, its functions, topics and schedules, and the daily backups' schedule.`,
  );
  console.log(`What stays:\n${kept.map(({ what }) => `  ${what}`).join('\n')}\n`);
  const answer = flags.yes ?? (await ask(`To go on, type the id of the project (${project}):`, `pass --yes ${project}.`));
  if (answer !== project) throw new Problem(422, 'declined', `'${answer}' is not ${project}: nothing was changed.`);

  await forget(terraform, known);
  await terraform.run(['destroy', '-auto-approve', '-lock-timeout=60s']);
  console.log(`\n${remaining(kept, stateBucket)}`);
});

/** What is left, with what removes it: by hand, since it cannot be had back. */
function remaining(kept: readonly Kept[], stateBucket: string): string {
  const all = [
    ...kept,
    { what: `bucket gs://${stateBucket} (Terraform's state)`, removal: [`gcloud storage rm --recursive gs://${stateBucket}`] },
  ];
  const lines = all.map(({ what, removal }) => `  ${what}\n${removal.map((command) => `    ${command}`).join('\n')}`);
  return `What is left, and what removes it for good:\n${lines.join('\n')}`;
}
