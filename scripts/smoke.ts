/** `npm run smoke`: tries out a Heliograph that runs, deployed or local, from outside. */

import { Problem } from '../functions/core/errors.ts';
import { readSettings } from '../functions/core/settings.ts';
import { readFlags, runCommand } from './command-line/command.ts';
import { readDeployment } from './deploy/environment.ts';
import { smokeDeployed } from './smoke/deployed.ts';
import { smokeAndTell } from './smoke/smoke.ts';
import { pushesBehind } from './smoke/targets.ts';

const USAGE = `Usage: npm run smoke -- --env dev|prod | --url <address> [flags]

Sends tasks in both modes and one that outlasts its wait, counts their runs, and tries to get in without credentials.

  --env <name>       the deployment of infra/settings.yaml; makes a key of its own for an hour, where none is given
  --url <address>    a local one instead (npm start -- --keys)
  --key <key>        an API key with the scopes dispatch and read (ORCHESTRATOR_API_KEY)
  --settings <file>  another settings file
  --help             this text

Exit code 0: all is well. 1: a check failed. 2: nothing was tried; the message says what to do. 130: interrupted.`;

const OPTIONS = {
  env: { type: 'string' },
  url: { type: 'string' },
  key: { type: 'string' },
  settings: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** What has scaled to zero has to start first. */
const COLD_MS = 30_000;

await runCommand(async ({ release }) => {
  const flags = readFlags(process.argv.slice(2), OPTIONS, USAGE);
  if (flags.help) return console.log(USAGE);
  if ((flags.env === undefined) === (flags.url === undefined)) {
    throw new Problem(422, 'invalid_flags', `Either --env or --url is needed.\n\n${USAGE}`);
  }
  const key = flags.key ?? process.env.ORCHESTRATOR_API_KEY;
  if (flags.env !== undefined) {
    await smokeDeployed(readDeployment({ env: flags.env, settings: flags.settings }), release, { key, patienceMs: COLD_MS });
    return;
  }
  const url = addressOf(flags.url as string);
  if (!key) throw new Problem(422, 'invalid_flags', 'It needs an API key: --key, or ORCHESTRATOR_API_KEY.');
  const naming = readSettings(process.env, { runtime: 'embedded' });
  await smokeAndTell({ url, health: '/healthz', credentials: { key }, pushes: pushesBehind(url, naming), patienceMs: 0 });
});

function addressOf(text: string): string {
  if (!URL.canParse(text) || !/^https?:/.test(text)) throw new Problem(422, 'invalid_flags', `--url ${text} is no http address.`);
  return text.replace(/\/+$/, '');
}
