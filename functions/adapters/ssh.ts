/** Commands on other machines, over SSH. A connection serves one command. */

import { isIP, type LookupFunction, connect as openSocket, type Socket } from 'node:net';
import ssh2, { type ClientChannel } from 'ssh2';
import { Problem } from '../core/errors.ts';
import type { Ssh, SshReply, SshRequest } from '../core/ports.ts';
import { quoteWords } from '../core/ssh/command-line.ts';
import { type Resolve, systemNames } from './egress-names.ts';
import { judgedAddresses } from './ssh-address.ts';
import { algorithmsFor, parseHostKey } from './ssh-host-key.ts';
import { keepOutput, type Output } from './ssh-output.ts';
import { changed, lost, notStarted, problemOf, timeout, unreachable } from './ssh-problems.ts';
import { within } from './within.ts';

const CONNECT_MS = 10_000;
const KEEPALIVE_MS = 5_000;
const LOST_AFTER_KEEPALIVES = 2;
/** How long the end of a command that was killed, and that of a connection, is waited for. */
const END_MS = 1_000;
/** A command that puts out so many times what is kept of it is killed. */
const PATIENCE = 16;

export interface SshOptions {
  readonly allowLoopback: boolean;
  readonly resolve?: Resolve;
}

/** An `Ssh` over ssh2: public key alone, no forwarding, no terminal. `resolve` replaces the system's names. */
export function sshClient({ allowLoopback, resolve = systemNames() }: SshOptions): Ssh {
  return {
    async run(request) {
      request.signal.throwIfAborted();
      const end = performance.now() + request.timeoutMs;
      checkPrivateKey(request.privateKey);
      const addresses = await judgedWithin(Math.min(CONNECT_MS, request.timeoutMs), request.address);
      request.signal.throwIfAborted();
      const socket = socketTo(request, addresses);
      try {
        return await runOn(socket, request, end);
      } finally {
        await closed(socket);
      }
    },
  };

  async function judgedWithin(ms: number, address: string): Promise<readonly string[]> {
    return within(ms, judgedAddresses(address, { allowLoopback, resolve })).catch((error) => {
      throw error instanceof Problem ? error : unreachable('has a name that is not resolved in time');
    });
  }
}

/** Throws `Problem` 422 `ssh_key_invalid` for what nobody can log in with. */
export function checkPrivateKey(privateKey: string): void {
  const key = ssh2.utils.parseKey(privateKey);
  // What the parser says may quote the key.
  if (key instanceof Error || !key.isPrivateKey()) {
    const message = 'This private key cannot be read: it has to be one of OpenSSH or PEM, without a passphrase.';
    throw new Problem(422, 'ssh_key_invalid', message);
  }
}

/** To the addresses that were judged: the name is not resolved again. */
function socketTo({ address, port }: SshRequest, addresses: readonly string[]): Socket {
  const found = addresses.map((one) => ({ address: one, family: isIP(one) }));
  const lookup: LookupFunction = (_host, options, callback) => {
    if (options.all) callback(null, found);
    else callback(null, found[0]?.address ?? '', found[0]?.family);
  };
  return openSocket({ host: address, port, lookup, autoSelectFamily: true });
}

function runOn(socket: Socket, request: SshRequest, end: number): Promise<SshReply> {
  const { user, privateKey, words, signal, maxBytes } = request;
  const hostKey = parseHostKey(request.hostKey);
  const client = new ssh2.Client();
  const { promise, resolve, reject } = Promise.withResolvers<SshReply>();
  const timers: NodeJS.Timeout[] = [];
  let channel: ClientChannel | undefined;
  let stopped: { readonly reason: unknown } | undefined;
  let isReady = false;
  let isOther = false;
  let exitCode: number | null = null;

  const later = (ms: number, run: () => void) => timers.push(setTimeout(run, ms));
  const stop = (reason: unknown) => {
    if (!isReady) return reject(reason);
    stopped ??= { reason };
    channel?.signal('KILL');
    later(END_MS, () => reject(reason));
  };
  const giveUp = () => stop(signal.reason);
  later(Math.max(1, end - performance.now()), () => stop(timeout(request)));
  later(CONNECT_MS, () => isReady || reject(unreachable(`did not let us in within ${CONNECT_MS / 1000} s`)));
  signal.addEventListener('abort', giveUp, { once: true });

  client.on('error', (error) => reject(isOther ? changed() : problemOf(error, isReady)));
  client.on('close', () => reject(lost(isReady)));
  client.on('ready', () => {
    isReady = true;
    // A host that lets us in and hangs up at once makes this throw.
    try {
      client.exec(lineFor(words, end - performance.now()), begun);
    } catch {
      reject(lost(true));
    }
  });
  try {
    client.connect({
      sock: socket,
      username: user,
      privateKey,
      authHandler: ['publickey'],
      hostVerifier: (shown: Buffer) => {
        isOther = !shown.equals(hostKey.bytes);
        return !isOther;
      },
      algorithms: algorithmsFor(hostKey),
      readyTimeout: 0,
      keepaliveInterval: KEEPALIVE_MS,
      keepaliveCountMax: LOST_AFTER_KEEPALIVES,
    });
  } catch (error) {
    reject(error);
  }
  return promise.finally(() => {
    for (const timer of timers) clearTimeout(timer);
    signal.removeEventListener('abort', giveUp);
    // What comes late is nobody's any more.
    client.removeAllListeners().on('error', () => {});
    client.end();
  });

  function begun(error: Error | undefined, opened: ClientChannel): void {
    if (error !== undefined) {
      reject(notStarted(error));
      return;
    }
    channel = opened;
    const outputs = [opened, opened.stderr].map((stream) => keepOutput(stream, maxBytes, maxBytes * PATIENCE, tooMuch));
    opened.on('exit', (code: number | null) => {
      exitCode = code;
    });
    const ends = [opened, opened.stderr].map((stream) => new Promise((ended) => stream.once('end', ended)));
    const reply = () => resolve(replyOf(outputs as [Output, Output], exitCode));
    const closed = new Promise<void>((ended) => opened.once('close', () => ended()));
    void Promise.all([closed, ...ends]).then(() => (stopped === undefined ? reply() : reject(stopped.reason)));
    if (stopped !== undefined) opened.signal('KILL');

    function tooMuch(): void {
      opened.signal('KILL');
      // Where that is not heard, it finds nobody to read it once the connection is closed.
      later(END_MS, reply);
    }
  }
}

/**
 * What the login shell is given: no login shell acts upon the words, and neither does the one that it makes way for. The command's
 * input is empty, so that what reads it ends at once. At its time limit it is killed there as well, where there is a `timeout`: not
 * every server passes signals on (OpenSSH none to root), and the connection may be lost before.
 */
function lineFor(words: readonly string[], timeoutMs: number): string {
  const seconds = Math.max(1, Math.ceil(timeoutMs / 1000));
  return `exec /bin/sh -c '${GUARDED}' ${seconds} ${quoteWords(words)} </dev/null`;
}

/** The limit is `$0`. */
const GUARDED = 'command -v timeout >/dev/null && exec timeout -s KILL "$0" "$@"; exec "$@"';

const replyOf = ([stdout, stderr]: readonly [Output, Output], exitCode: number | null): SshReply => ({
  stdout: stdout.bytes(),
  stderr: stderr.bytes(),
  isTruncated: { stdout: stdout.isTruncated(), stderr: stderr.isTruncated() },
  exitCode,
});

/** Says its goodbyes, and waits until the socket is closed. */
async function closed(socket: Socket): Promise<void> {
  socket.on('error', () => {});
  if (socket.closed) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.once('close', () => resolve());
  const timer = setTimeout(() => socket.destroy(), END_MS);
  socket.destroySoon();
  await promise;
  clearTimeout(timer);
}
