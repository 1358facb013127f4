/** What `ssh.exec.peek`, `ssh.exec` and `POST /api/v1/ssh/exec` do not do. */

import assert from 'node:assert/strict';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { injections } from '../../agent-light/tools/ssh-injections.ts';
import type { Sshd } from '../../support/sshd.ts';
import type { Refusal, TestStack } from '../../support/stack.ts';
import { ENDPOINT, type Job, type Ran } from './ssh-commands.ts';

const AT_ONCE = 8;

export function sshRefusals(stackOf: () => TestStack, sshd: () => Sshd, every: number): void {
  const exec = <T = Refusal>(body: object) => stackOf().post<T>(ENDPOINT, { host: 'server', confirm: true, ...body });

  it('every injection, with nothing run and no connection made', async () => {
    const canary = join(sshd().folder, 'canary');
    const lines = injections(canary).filter((_, place) => place % every === 0);
    assert.ok(lines.length * every >= 300, `${lines.length}`);
    const before = sshd().log().length;
    const taken: string[] = [];
    const attack = async (command: string): Promise<void> => {
      const peek = await stackOf().post<Job>('/orchestrate', { intent: 'ssh.exec.peek', inputs: { host: 'server', command } });
      if (peek.body.error?.code !== 'command_refused') taken.push(`${command}: ${JSON.stringify(peek.body)}`);
      const posted = await exec({ host: 'only-looked-at', cmd: command });
      if (posted.status !== 403 || posted.body.code !== 'command_refused') taken.push(`${command}: ${JSON.stringify(posted.body)}`);
    };
    for (let at = 0; at < lines.length; at += AT_ONCE) await Promise.all(lines.slice(at, at + AT_ONCE).map(attack));
    assert.deepEqual(taken, []);
    assert.equal(existsSync(canary), false);
    assert.equal(sshd().log().slice(before), '');
    // It does where a command is run.
    assert.equal((await exec<Ran>({ cmd: `touch ${canary}` })).status, 200);
    assert.equal(existsSync(canary), true);
    rmSync(canary);
  });

  it('hosts and commands that the settings do not have, with no job made', async () => {
    for (const [part, code] of [
      [{ host: 'elsewhere', cmd: 'touch x' }, 'host_not_allowed'],
      [{ host: '127.0.0.1', cmd: 'touch x' }, 'host_not_allowed'],
      [{ host: 'server ', cmd: 'touch x' }, 'host_not_allowed'],
      [{ host: 'only-looked-at', cmd: 'touch x' }, 'command_refused'],
      [{ cmd: 'rm -rf /' }, 'command_refused'],
      [{ cmd: '/usr/bin/touch x' }, 'command_refused'],
      [{ cmd: 'touchx' }, 'command_refused'],
      [{ cmd: 'touch x; ls' }, 'command_refused'],
      [{ cmd: 'rm -rf /', confirm: false }, 'command_refused'],
    ] as const) {
      const { status, body, headers } = await exec(part);
      assert.deepEqual([status, body.code], [403, code], JSON.stringify(part));
      assert.match(headers.get('content-type') ?? '', /problem\+json/);
    }
  });

  it('fields that are none, and times beyond 30 seconds', async () => {
    for (const [part, field] of [
      [{ cmd: 'touch x', timeout_sec: 0 }, 'timeout_sec'],
      [{ cmd: 'touch x', timeout_sec: 31 }, 'timeout_sec'],
      [{ cmd: 'touch x', timeout_sec: '5' }, 'timeout_sec'],
      [{ cmd: 'touch x', confirm: 'true' }, 'confirm'],
      [{ cmd: 'touch x', confirm_dangerous: true }, 'confirm_dangerous'],
      [{ cmd: ['touch', 'x'] }, 'cmd'],
      [{}, 'cmd'],
      [{ cmd: 'touch x', host: null }, 'host'],
    ] as const) {
      const { status, body } = await exec(part);
      assert.deepEqual([status, body.errors?.[0]?.field], [422, field], JSON.stringify(body));
    }
    const job = await stackOf().post<Job>('/orchestrate', {
      intent: 'ssh.exec.peek',
      inputs: { host: 'server', command: 'ls', pty: true },
    });
    assert.equal(job.body.error?.code, 'invalid_inputs');
  });

  it('to do by way of /dispatch what /orchestrate would not clear', async () => {
    const canary = join(sshd().folder, 'dispatched');
    const payload = { host: 'server', command: `touch ${canary}`, confirm_dangerous: true };
    const { body } = await stackOf().dispatch({ agent: 'tool:ssh.exec', mode: 'http', payload });
    assert.equal((await stackOf().ended(body.id)).result?.dry_run ?? 'refused', true);
    assert.equal(existsSync(canary), false);
  });
}
