/** What `ssh.exec.peek`, `ssh.exec` and `POST /api/v1/ssh/exec` do. */

import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Sshd } from '../../support/sshd.ts';
import type { Refusal, TestStack } from '../../support/stack.ts';

/** The result of a command. */
export interface Ran {
  readonly host: string;
  readonly command: string;
  readonly stdout: string;
  readonly stderr: string;
  readonly exit_code: number | null;
  readonly duration_ms: number;
  readonly truncated?: readonly string[];
}
/** A dry run. */
export interface Dry {
  readonly dry_run: boolean;
  readonly would_execute: { readonly argv?: readonly string[]; readonly would_be_refused?: { readonly code: string } };
  readonly note: string;
  readonly hint: string;
}
/** The answer to `/orchestrate`. */
export interface Job<T = Ran> {
  readonly status: string;
  readonly mode: string;
  readonly result: T;
  readonly error?: { readonly code: string; readonly message: string };
}

export const ENDPOINT = '/api/v1/ssh/exec';

export function sshCommands(stackOf: () => TestStack, sshd: () => Sshd): void {
  const ask = async <T = Ran>(intent: string, inputs: object) =>
    (await stackOf().post<Job<T>>('/orchestrate', { intent, inputs, idempotency_key: crypto.randomUUID() })).body;
  const peek = (command: string, host = 'server') => ask('ssh.exec.peek', { host, command });
  const exec = <T = Ran>(body: object) => stackOf().post<T>(ENDPOINT, { host: 'server', confirm: true, ...body });

  it('a peek, and shows what it gave', async () => {
    const { status, mode, result } = await peek('ls -la /etc/hostname');
    assert.deepEqual([status, mode], ['success', 'agent']);
    assert.deepEqual(
      { ...result, stdout: '', duration_ms: 0 },
      { host: 'server', command: 'ls -la /etc/hostname', stdout: '', stderr: '', exit_code: 0, duration_ms: 0 },
    );
    assert.match(result.stdout, /\/etc\/hostname\n$/);
    assert.ok(result.duration_ms > 0);
  });

  it('a peek each time, also where commands may not be run', async () => {
    const file = join(sshd().folder, 'it changes');
    for (const text of ['one', 'two']) {
      writeFileSync(file, text);
      assert.equal((await peek(`cat '${file}'`, 'only-looked-at')).result.stdout, text);
    }
    const { status, result } = await peek(`cat ${join(sshd().folder, 'absent')}`);
    assert.deepEqual([status, result.exit_code, result.stdout], ['success', 1, '']);
    assert.match(result.stderr, /No such file/);
  });

  it('what looks like a shell’s business as the text that it is', async () => {
    const command = `echo '$(id)' '; ls' "it's" \\* 'a  b'`;
    const { result } = await ask('ssh.exec', { host: 'server', command, confirm_dangerous: true });
    assert.equal(result.stdout, `$(id) ; ls it's * a  b\n`);
  });

  it('what is not UTF-8, and what is too long', async () => {
    const file = join(sshd().folder, 'bytes');
    writeFileSync(file, Buffer.from([0x61, 0xff, 0xfe, 0x00, 0x1b, 0x62]));
    assert.equal((await peek(`cat ${file}`)).result.stdout, 'a\ufffd\ufffd\0\u001bb');
    writeFileSync(file, `x${'é'.repeat(600_000)}`);
    const { stdout, truncated } = (await peek(`cat ${file}`)).result;
    // 1,048,576 bytes end in the midst of a character.
    assert.deepEqual([truncated, stdout.length, stdout.at(-1)], [['stdout'], 1 + 524_287, 'é']);
  });

  it('dry without a confirmation, in the words of the sources, and opens no connection', async () => {
    const before = sshd().log().length;
    const canary = join(sshd().folder, 'dry');
    const inputs = { host: 'server', command: `touch ${canary}` };
    const { status, result } = await ask<Dry>('ssh.exec', inputs);
    assert.deepEqual([status, result.dry_run, result.note], ['success', true, 'Set confirm_dangerous=true to execute']);
    assert.deepEqual(result.would_execute, { ...inputs, timeout_sec: 10, argv: ['touch', canary] });
    assert.match(result.hint, /dangerousIntents/);
    const dry = await exec<Dry>({ cmd: `touch ${canary}`, confirm: false });
    assert.deepEqual([dry.status, dry.body], [200, { ...result }]);
    // As the sources ask for it, of a host that there is not.
    const other = await ask<Dry>('ssh.exec', { host: 'elsewhere', command: 'rm -rf /' });
    assert.deepEqual([other.result.dry_run, other.result.would_execute.would_be_refused?.code], [true, 'host_not_allowed']);
    assert.equal(sshd().log().slice(before), '');
    assert.equal(existsSync(canary), false);
  });

  it('for real once it is confirmed', async () => {
    for (const name of ['orchestrated', 'posted']) {
      const canary = join(sshd().folder, name);
      const command = `touch ${canary}`;
      if (name === 'posted') {
        const { status, body } = await exec<Ran>({ cmd: command });
        assert.deepEqual([status, body.exit_code, body.host, body.command], [200, 0, 'server', command]);
      } else assert.equal((await ask('ssh.exec', { host: 'server', command, confirm_dangerous: true })).result.exit_code, 0);
      assert.equal(existsSync(canary), true);
    }
  });

  it('nothing beyond its time', async () => {
    const began = performance.now();
    const { status, body, headers } = await exec<Refusal>({ cmd: 'sleep 20', timeout_sec: 1 });
    assert.deepEqual([status, body.code], [408, 'timeout'], JSON.stringify(body));
    assert.match(headers.get('content-type') ?? '', /problem\+json/);
    assert.ok(performance.now() - began < 5_000);
  });

  it('once, whatever becomes of it', async () => {
    for (const [host, code] of [
      ['impostor', 'host_key_changed'],
      ['stranger', 'login_refused'],
      ['keyless', 'ssh_key_missing'],
      ['broken', 'ssh_key_invalid'],
    ]) {
      const canary = join(sshd().folder, String(host));
      const { status, body } = await exec<Refusal>({ host, cmd: `touch ${canary}` });
      assert.deepEqual([status, body.code], [code === 'ssh_key_missing' ? 503 : 502, code], JSON.stringify(body));
      assert.equal(existsSync(canary), false);
      assert.equal((await peek('uptime', host)).error?.code, code);
    }
  });
}
