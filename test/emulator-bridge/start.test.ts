import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { findEmulators } from '../../emulator-bridge/find-emulators.ts';
import { topology } from '../../functions/topology.ts';
import { until } from '../support/folder.ts';
import { receiver } from './kit.ts';

const START = join(dirname(fileURLToPath(import.meta.url)), '../../scripts/start.ts');
const shell = promisify(execFile);

interface Task {
  readonly id: string;
  readonly status: string;
  readonly mode: string;
}

describe('npm start', function () {
  this.timeout(60_000);
  let folder: string;
  const children: Run[] = [];
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'heliograph-start-'));
  });
  afterEach(async () => {
    for (const each of children.splice(0)) {
      each.child.kill('SIGKILL');
      await each.ended;
    }
    await rm(folder, { recursive: true, force: true });
  });

  function start(...flags: string[]): Run {
    const run = launch(['--port', '0', '--data-dir', folder, ...flags]);
    children.push(run);
    return run;
  }

  async function ready(run: Run): Promise<string[]> {
    await until(() => run.text().includes('Ctrl-C') || run.child.exitCode !== null, 50_000);
    assert.ok(run.text().includes('Ctrl-C'), run.text());
    return run.text().match(/^curl .*$/gm) ?? [];
  }

  /** Pastes the three printed lines. */
  async function paste(lines: string[]): Promise<Task[]> {
    const answers: Task[] = [];
    for (const line of lines) answers.push(JSON.parse((await shell('sh', ['-c', line])).stdout));
    return answers;
  }

  function worked([first, second, third]: Task[]): void {
    assert.deepEqual([first?.mode, first?.status], ['http', 'succeeded']);
    assert.equal(second?.mode, 'pubsub');
    assert.deepEqual([third?.id, third?.status], [second?.id, 'succeeded']);
  }

  it('prints lines that work, ends at ctrl-C with 0, and goes on from the same data', async () => {
    const first = start();
    const lines = await ready(first);
    assert.match(first.text(), /embedded.*ready at http:\/\/127\.0\.0\.1:\d+\n/);
    assert.match(first.text(), /Open to every program on this machine/);
    for (const url of new Set(first.text().match(/http:\/\/127\.0\.0\.1:\d+(?=\n)/g))) assert.equal((await fetch(url)).status, 200);
    const tasks = await paste(lines);
    worked(tasks);
    first.child.kill('SIGINT');
    assert.equal(await first.ended, 0);

    const second = start();
    const [, , get = ''] = await ready(second);
    const again = JSON.parse((await shell('sh', ['-c', get])).stdout) as Task;
    assert.deepEqual([again.id, again.status], [tasks[1]?.id, 'succeeded']);
    second.child.kill('SIGTERM');
    assert.equal(await second.ended, 0);
  });

  it('with --keys prints the same key each time, and lets nobody in without', async () => {
    const first = start('--keys');
    const lines = await ready(first);
    const key = /API key: (\S+)/.exec(first.text())?.[1];
    worked(await paste(lines));
    const [url = ''] = /http:\/\/127\.0\.0\.1:\d+/.exec(first.text()) ?? [];
    assert.equal((await fetch(`${url}/tasks`)).status, 401);
    first.child.kill('SIGINT');
    assert.equal(await first.ended, 0);
    const second = start('--keys');
    await ready(second);
    assert.equal(/API key: (\S+)/.exec(second.text())?.[1], key);
  });

  it('refuses a data folder that is in use', async () => {
    await ready(start());
    const second = start();
    assert.equal(await second.ended, 2);
    assert.match(second.text(), /in use|is using/);
    assert.match(second.text(), /--data-dir/);
  });

  it('says of a data folder that is a file, or holds something else, what is wrong', async () => {
    await writeFile(join(folder, 'file'), '');
    await mkdir(join(folder, 'other'));
    await writeFile(join(folder, 'other/heliograph.db'), 'no database, and long enough to be looked at'.repeat(100));
    for (const [name, wrong] of [
      ['file', 'EEXIST'],
      ['other', 'not a database'],
    ]) {
      const run = start('--data-dir', join(folder, name as string));
      assert.equal(await run.ended, 2);
      assert.match(run.text(), new RegExp(`^The data folder .*${name} cannot be used: .*${wrong}.*\n$`));
    }
  });

  it('names a port that is in use', async () => {
    const other = await receiver((_request, response) => response.end());
    const { port } = new URL(other.url);
    const run = start('--port', port);
    assert.equal(await run.ended, 2);
    assert.match(run.text(), new RegExp(`Port ${port} is in use.*--port`));
    await other.close();
  });

  it('refuses a flag that it does not know, and says what there is', async () => {
    const run = start('--fast');
    assert.equal(await run.ended, 2);
    assert.match(run.text(), /--fast[\s\S]*--data-dir/);
  });

  it('runs on the emulators, starts a killed function again, and leaves nothing behind', async function () {
    if ((await findEmulators().catch(() => undefined)) === undefined) return this.skip();
    const run = start('--emulators');
    worked(await paste(await ready(run)));
    const [url = ''] = /http:\/\/127\.0\.0\.1:\d+/.exec(run.text()) ?? [];
    const before = await descendants(run.child.pid as number);
    const functions = before.filter(({ command }) => command.includes('--target='));
    assert.equal(functions.length, Object.keys(topology.functions).length);
    const agent = functions.find(({ command }) => command.includes('--target=agent-light'));
    process.kill(agent?.pid as number, 'SIGKILL');
    await until(async () => (await fetch(`${url}/healthz`)).status !== 200, 5000);
    await until(async () => (await fetch(`${url}/healthz`)).status === 200, 10_000);
    run.child.kill('SIGINT');
    assert.equal(await run.ended, 0);
    await until(async () => (await living(before.map(({ pid }) => pid))).length === 0, 5000);
  });
});

interface Run {
  readonly child: ChildProcess;
  readonly ended: Promise<number | string>;
  text(): string;
}

function launch(flags: string[]): Run {
  const child = spawn(process.execPath, [START, ...flags], { env: { PATH: process.env.PATH, HOME: process.env.HOME } });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      text += chunk;
    });
  }
  const ended = new Promise<number | string>((resolve) => child.once('close', (code, signal) => resolve(signal ?? code ?? 0)));
  return { child, ended, text: () => text };
}

interface Listed {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

async function processes(): Promise<Listed[]> {
  const { stdout } = await shell('ps', ['-eo', 'pid=,ppid=,stat=,args=']);
  return stdout.split('\n').flatMap((line) => {
    const [, pid, parent, state, command = ''] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
    return pid === undefined || state?.startsWith('Z') ? [] : [{ pid: Number(pid), parent: Number(parent), command }];
  });
}

async function descendants(root: number): Promise<Listed[]> {
  const all = await processes();
  const below = (pid: number): Listed[] => all.filter(({ parent }) => parent === pid).flatMap((one) => [one, ...below(one.pid)]);
  return below(root);
}

async function living(pids: number[]): Promise<Listed[]> {
  return (await processes()).filter(({ pid }) => pids.includes(pid));
}
