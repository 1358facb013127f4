/** `npm run key`: makes or revokes an API key of a deployed Heliograph. */

import type { Scope } from '../functions/core/authenticate.ts';
import { Problem } from '../functions/core/errors.ts';
import { readFlags, runCommand } from './command-line/command.ts';
import { readDeployment } from './deploy/environment.ts';
import { openKeys } from './deploy/keys.ts';

const USAGE = `Usage: npm run key -- --env dev|prod [flags]

Makes an API key and shows it, once: what is stored is its hash, in the database control. Needs the application default
credentials of somebody who may write there (roles/datastore.user).

  --env <name>       the deployment of infra/settings.yaml
  --tenant <name>    whose tasks it sees (default)
  --scope <scopes>   of dispatch, read, admin and dangerous, separated by commas (dispatch,read)
  --days <n>         how long it is good (90)
  --revoke <id>      ends a key instead: the middle part of hg.<id>.<secret>
  --settings <file>  another settings file
  --help             this text

Exit code 0: done. 1: the database could not be reached. 2: nothing was changed; the message says what to do.`;

const OPTIONS = {
  env: { type: 'string' },
  tenant: { type: 'string', default: 'default' },
  scope: { type: 'string', default: 'dispatch,read' },
  days: { type: 'string', default: '90' },
  revoke: { type: 'string' },
  settings: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

const DAY_MS = 86_400_000;
const SCOPES: readonly Scope[] = ['dispatch', 'read', 'admin', 'dangerous'];

await runCommand(async ({ release }) => {
  const flags = readFlags(process.argv.slice(2), OPTIONS, USAGE);
  if (flags.help) return console.log(USAGE);
  if (flags.env === undefined) throw refusal(`Which environment? --env dev, or --env prod\n\n${USAGE}`);
  const owner = { tenant: tenantOf(flags.tenant), scopes: scopesOf(flags.scope), lifetimeMs: daysOf(flags.days) * DAY_MS };
  const revoked = flags.revoke === undefined ? undefined : idOf(flags.revoke);
  const { settings } = readDeployment({ env: flags.env, settings: flags.settings });
  const keys = release.adopt(await openKeys(settings.project), (it) => it.close());
  if (revoked !== undefined) {
    await keys.revoke(revoked);
    return console.log(`The key ${revoked} is revoked. A function that has just used it may take it for ten more seconds.`);
  }
  const { key, expiresAt } = await keys.make(owner);
  const until = new Date(expiresAt as number).toISOString().slice(0, 10);
  console.error(
    `For ${owner.scopes.join(' and ')} of the tenant ${owner.tenant}, until ${until}. It is shown this once; send it as X-API-Key.`,
  );
  // Alone on the standard output, so that it can be piped into a secret store.
  console.log(key);
});

function scopesOf(text: string): readonly Scope[] {
  const scopes = text.split(',').map((scope) => scope.trim());
  const unknown = scopes.filter((scope) => !SCOPES.includes(scope as Scope));
  if (unknown.length > 0) throw refusal(`--scope: '${unknown[0]}' is none of ${SCOPES.join(', ')}.`);
  return [...new Set(scopes)] as Scope[];
}

function tenantOf(text: string): string {
  if (!/^[\w.@-]{1,100}$/.test(text)) throw refusal(`--tenant: '${text}' has to be up to 100 letters, digits, and . _ @ -`);
  return text;
}

/** Says nothing of what was given: it may be a whole key. */
function idOf(text: string): string {
  if (!/^[0-9a-f]{16}$/.test(text)) throw refusal('--revoke: it takes 16 hexadecimal digits, the middle part of hg.<id>.<secret>.');
  return text;
}

function daysOf(text: string): number {
  const days = Number(text);
  if (!Number.isInteger(days) || days < 1 || days > 3650) throw refusal(`--days: '${text}' is no whole number from 1 to 3650.`);
  return days;
}

function refusal(message: string): Problem {
  return new Problem(422, 'invalid_flags', message);
}
