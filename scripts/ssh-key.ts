/** `npm run ssh-key`: gives a local Heliograph the private key by which it logs in to hosts. */

import { text } from 'node:stream/consumers';
import { localSecrets } from '../functions/adapters/local-secrets.ts';
import { checkPrivateKey } from '../functions/adapters/ssh.ts';
import { SSH_KEYS } from '../functions/agent-light/tools/ssh-run.ts';
import { Problem } from '../functions/core/errors.ts';
import { readSettings } from '../functions/core/settings.ts';
import { readFlags, runCommand } from './command-line/command.ts';

const USAGE = `Usage: npm run ssh-key -- --name <name> [flags] < private-key

Keeps the private key that it reads, of OpenSSH or PEM without a passphrase, among the secrets of npm start and npm run
start:emulators. Hosts of the setting sshHosts name it in keySecret. One of that name is replaced.

  --name <name>        what hosts call it
  --remove             forgets it instead; reads nothing
  --data-dir <folder>  where the secrets lie (.heliograph); with a master key of its own, that is in ORCHESTRATOR_MASTER_KEY
  --help               this text

In the cloud the keys are a JSON object by name, the newest version of the secret heliograph-${SSH_KEYS}:
  jq -n --rawfile admin ~/.ssh/id_ed25519 '{$admin}' | gcloud secrets versions add heliograph-${SSH_KEYS} --data-file=-

Exit code 0: done. 1: the secrets could not be read or written. 2: nothing was changed; the message says what to do.`;

const OPTIONS = {
  name: { type: 'string' },
  remove: { type: 'boolean' },
  'data-dir': { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

await runCommand(async () => {
  const flags = readFlags(process.argv.slice(2), OPTIONS, USAGE);
  if (flags.help) return console.log(USAGE);
  const { name } = flags;
  if (!name || name.length > 200) throw new Problem(422, 'invalid_flags', `Which name? --name admin\n\n${USAGE}`);
  const secrets = localSecrets(readSettings(process.env, { runtime: 'embedded', dataDir: flags['data-dir'] }));
  const { [name]: before, ...others } = keysOf(await secrets.read(SSH_KEYS));
  if (flags.remove && before === undefined) throw new Problem(422, 'ssh_key_missing', `There is no key ${name}.`);
  const keys = flags.remove ? others : { ...others, [name]: await privateKey() };
  await secrets.write(SSH_KEYS, JSON.stringify(keys));
  console.error(`${flags.remove ? 'Forgotten' : 'Kept'}: ${name}. There are now: ${Object.keys(keys).join(', ') || 'none'}.`);
});

async function privateKey(): Promise<string> {
  const key = await text(process.stdin);
  checkPrivateKey(key);
  return key;
}

/** The value that the secret has before anybody has set it is no JSON. */
function keysOf(value = ''): Record<string, unknown> {
  try {
    return JSON.parse(value);
  } catch {
    return {};
  }
}
