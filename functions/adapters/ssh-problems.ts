/** What goes wrong with remote commands. */

import { Problem } from '../core/errors.ts';
import type { SshRequest } from '../core/ports.ts';

/** What an error of ssh2 comes to. */
export function problemOf(error: Error & { readonly level?: string; readonly code?: string }, isReady: boolean): Problem {
  if (error.level === 'client-authentication') return new Problem(502, 'login_refused', 'The host refuses the key of this user.');
  if (/no matching host key format/.test(error.message)) return changed();
  if (isReady) return lost(true);
  return unreachable(`could not be reached (${error.code ?? error.message})`);
}

export const timeout = ({ timeoutMs }: SshRequest): Problem =>
  new Problem(408, 'timeout', `The command was stopped at its time limit of ${timeoutMs / 1000} s.`);

export const changed = (): Problem =>
  new Problem(
    502,
    'host_key_changed',
    'The host shows another key than sshHosts says. We did not log in. Find out why before you change the setting.',
  );

export const lost = (isReady: boolean): Problem =>
  isReady
    ? new Problem(502, 'connection_lost', 'The connection was lost while the command ran.')
    : unreachable('closed the connection');

export const unreachable = (how: string): Problem => new Problem(502, 'host_unreachable', `The host ${how}.`);

export const notStarted = ({ message }: Error): Problem =>
  new Problem(502, 'command_not_started', `The host does not run commands: ${message}`);
