/** What `ssh.exec` and `ssh.exec.peek` share: a command that is allowed, run on its host. */

import { secretName } from '../../core/addresses.ts';
import { Problem, RetryableError, TerminalError } from '../../core/errors.ts';
import type { Secrets } from '../../core/ports.ts';
import type { Runtime } from '../../core/runtime.ts';
import type { Allowed } from '../../core/ssh/allowed.ts';
import type { ToolContext } from './tool.ts';

/** The secret that holds the private keys: a JSON object of them, by the `keySecret` of the hosts. */
export const SSH_KEYS = 'ssh-keys';
/** Of each of the two outputs. */
const MAX_BYTES = 1_048_576;
/** Another attempt may find the host. */
const PASSING = ['host_unreachable', 'connection_lost', 'secrets_unavailable'];

/** What was asked for, and how long it may take, in milliseconds. */
export interface SshRun {
  readonly command: string;
  readonly timeoutMs: number;
}

/**
 * Gives `{host, command, stdout, stderr, exit_code, duration_ms, truncated?}`: the outputs as text, at most 1 MiB of each
 * (`truncated` names the ones that were longer); `exit_code` is null where a signal has ended it. Throws `TerminalError`, and
 * `RetryableError` where the host could not be reached.
 */
export async function runOverSsh(
  { ssh, secrets, clock }: Pick<Runtime, 'ssh' | 'secrets' | 'clock'>,
  { command, timeoutMs }: SshRun,
  allow: () => Allowed,
  { deadline, signal }: ToolContext,
): Promise<unknown> {
  const began = clock.now();
  try {
    const { host, words } = allow();
    const { name, address, port, user, hostKey, keySecret } = host;
    const reply = await ssh.run({
      ...{ address, port, user, hostKey, words, signal, maxBytes: MAX_BYTES },
      privateKey: await privateKey(secrets, keySecret),
      timeoutMs: Math.max(1, Math.min(timeoutMs, deadline - began)),
    });
    const { stdout, stderr, isTruncated, exitCode } = reply;
    const truncated = (['stdout', 'stderr'] as const).filter((output) => isTruncated[output]);
    return {
      host: name,
      command,
      stdout: textOf(stdout, isTruncated.stdout),
      stderr: textOf(stderr, isTruncated.stderr),
      exit_code: exitCode,
      duration_ms: clock.now() - began,
      ...(truncated.length === 0 ? {} : { truncated }),
    };
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    throw new (PASSING.includes(error.code) ? RetryableError : TerminalError)(error.code, error.message);
  }
}

/** Bytes that are no UTF-8 become U+FFFD, but for the beginning of a character at the end of what was cut. */
const textOf = (bytes: Buffer, isCut: boolean): string =>
  new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes, { stream: isCut });

async function privateKey(secrets: Secrets, name: string): Promise<string> {
  const keys = keysOf(await secrets.read(SSH_KEYS));
  const key = Object.hasOwn(keys, name) ? keys[name] : undefined;
  if (typeof key === 'string') return key;
  const advice = `It is a JSON object of private keys by name: in the cloud, the newest version of ${secretName(SSH_KEYS)}; locally, npm run ssh-key puts one there.`;
  throw new Problem(503, 'ssh_key_missing', `The secret ${SSH_KEYS} has no key ${JSON.stringify(name)}. ${advice}`);
}

/** Its first value, which nobody has set, is no JSON. */
function keysOf(text = ''): Readonly<Record<string, unknown>> {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}
