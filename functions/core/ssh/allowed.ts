/** What may run where: the hosts of the settings, and the commands of each. */

import { Problem } from '../errors.ts';
import type { Settings } from '../settings.ts';
import { parseCommand, refused } from './command-line.ts';
import { parsePeek } from './peek-rules.ts';

export type SshHost = Settings['sshHosts'][number];

export interface Allowed {
  readonly host: SshHost;
  readonly words: readonly [string, ...string[]];
}

interface Asked {
  /** The name of the host in the settings. */
  readonly host: string;
  /** A command line. */
  readonly command: string;
}

/** A command of those that the host has. Throws `Problem` 403 `host_not_allowed`, `command_refused`. */
export function allowedExec(settings: Pick<Settings, 'sshHosts'>, asked: Asked): Allowed {
  const host = hostNamed(settings, asked.host);
  const words = parseCommand(asked.command);
  if (!host.commands.includes(words[0])) {
    const has = host.commands.length === 0 ? 'no commands' : host.commands.join(', ');
    throw refused(`${host.name} has ${has} in sshHosts, and not ${JSON.stringify(words[0].slice(0, 100))}`);
  }
  return { host, words };
}

/** A command that only reads, which every host has. Throws `Problem` 403 `host_not_allowed`, `command_refused`. */
export function allowedPeek(settings: Pick<Settings, 'sshHosts'>, asked: Asked): Allowed {
  return { host: hostNamed(settings, asked.host), words: parsePeek(asked.command) };
}

function hostNamed({ sshHosts }: Pick<Settings, 'sshHosts'>, name: string): SshHost {
  const host = sshHosts.find((one) => one.name === name);
  if (host !== undefined) return host;
  throw new Problem(403, 'host_not_allowed', `${JSON.stringify(name.slice(0, 100))} is no host of the setting sshHosts.`);
}
