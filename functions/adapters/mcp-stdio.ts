/**
 * An MCP server that is a command: one message a line, over its input and output.
 *
 * Not by the SDK's own transport, which adds to the environment, and leaves what the command has started running.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { ReadBuffer, serializeMessage } from '@modelcontextprotocol/sdk/shared/stdio.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { Log } from '../core/ports.ts';
import type { Settings } from '../core/settings.ts';
import type { Wire } from './mcp-session.ts';

type CommandRow = Extract<Settings['mcpServers'][number], { command: string }>;

const MAX_MESSAGE_BYTES = 32 * 1024 * 1024;
/** Of what a process writes on its error output. */
const MAX_LOGGED = 64 * 1024;
/** How long it has to end after its input did, and after SIGTERM. */
const LEAVE_MS = 500;
const TERM_MS = 2_000;

/**
 * Starts the command as it stands in the settings: without a shell, with their `env` alone. Its name is looked up in the PATH of
 * that, or else of this process, which is not handed on. Its error output goes to the log.
 */
export async function stdioWire({ name, command, args, env }: CommandRow, log: Log): Promise<Wire> {
  const read = new ReadBuffer({ maxBufferSize: MAX_MESSAGE_BYTES });
  let child: ChildProcess | undefined;
  let gone: Promise<void> = Promise.resolve();

  const transport: Transport = {
    async start() {
      const options = { env, stdio: 'pipe', shell: false, detached: true, windowsHide: true } as const;
      const started = spawn(found(command, env.PATH ?? process.env.PATH), args, options);
      child = started;
      await new Promise<void>((resolve, reject) => started.once('spawn', resolve).once('error', reject));
      const group = started.pid as number;
      own(group);
      gone = new Promise((resolve) => {
        started.once('exit', () => {
          // What it has started goes with it, and lets go of its output.
          disown(group);
          setTimeout(() => [started.stdout, started.stderr].map((output) => output.destroy()), LEAVE_MS).unref();
        });
        started.once('close', () => {
          resolve();
          transport.onclose?.();
        });
      });
      started.on('error', (error) => transport.onerror?.(error));
      started.stdin.on('error', (error) => transport.onerror?.(error));
      started.stdout.on('data', receive);
      logged(started, name, log);
    },
    async send(message) {
      const input = child?.stdin;
      if (!input?.writable) throw new Error('its input is closed');
      await new Promise<void>((resolve, reject) => {
        input.write(serializeMessage(message), (error) => (error ? reject(error) : resolve()));
      });
    },
    close: end,
  };
  return { transport, end };

  function receive(chunk: Buffer): void {
    try {
      read.append(chunk);
    } catch (error) {
      transport.onerror?.(error as Error);
      void end();
      return;
    }
    for (;;) {
      try {
        const message = read.readMessage();
        if (message === null) return;
        transport.onmessage?.(message);
      } catch (error) {
        // A line that is no message: many print one as they start.
        transport.onerror?.(error as Error);
      }
    }
  }

  async function end(): Promise<void> {
    if (child?.pid === undefined) return;
    const group = child.pid;
    child.stdin?.end();
    if (await ended(LEAVE_MS)) return;
    signalled(group, 'SIGTERM');
    if (await ended(TERM_MS)) return;
    signalled(group, 'SIGKILL');
    await gone;
  }

  function ended(ms: number): Promise<boolean> {
    return Promise.race([gone.then(() => true), pause(ms, false, { ref: false })]);
  }
}

function logged({ stderr }: ChildProcess, name: string, log: Log): void {
  let left = MAX_LOGGED;
  stderr?.setEncoding('utf8').on('data', (text: string) => {
    if (left <= 0) return;
    const reason = text.slice(0, Math.min(left, 4_000)).trimEnd();
    left -= text.length;
    log.debug({ agent: `mcp:${name}`, reason }, left > 0 ? 'An MCP server says:' : 'An MCP server says, and no more is kept:');
  });
}

/** The command's file. Left as it is, one that is in no folder of `path` fails as it is started. */
function found(command: string, path: string | undefined): string {
  if (command.includes('/')) return command;
  return (
    (path ?? '')
      .split(delimiter)
      .map((folder) => join(folder, command))
      .find(isExecutable) ?? command
  );
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

/** The groups of processes that go when this one does. Killed outright, it leaves them the end of their input. */
const groups = new Set<number>();

function own(group: number): void {
  if (groups.size === 0) process.on('exit', killAll);
  groups.add(group);
}

function disown(group: number): void {
  signalled(group, 'SIGKILL');
  groups.delete(group);
  if (groups.size === 0) process.off('exit', killAll);
}

function killAll(): void {
  for (const group of groups) signalled(group, 'SIGKILL');
}

function signalled(group: number, signal: NodeJS.Signals): void {
  if (!groups.has(group)) return;
  try {
    process.kill(-group, signal);
  } catch {
    // It has ended already.
  }
}
