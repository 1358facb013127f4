import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { networkInterfaces } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type FunctionProcesses, functionProcesses } from '../../emulator-bridge/function-processes.ts';
import { GUARD, startProcess } from '../../emulator-bridge/process-groups.ts';
import { until } from '../support/folder.ts';
import { quiet } from './kit.ts';

const HERE = dirname(fileURLToPath(import.meta.url));
const SOURCE = join(HERE, 'toy-functions.ts');

describe('function processes', function () {
  this.timeout(10_000);
  let processes: FunctionProcesses | undefined;
  const lines: string[] = [];
  afterEach(async () => {
    await processes?.stop(0);
    processes = undefined;
    lines.length = 0;
  });

  async function start(...names: string[]): Promise<FunctionProcesses> {
    processes = await functionProcesses({
      names,
      source: SOURCE,
      environment: async (name, urls) => ({ OWN_NAME: name, ALL: Object.keys(urls).join() }),
      onLine: (name, line) => lines.push(`${name}: ${line}`),
      log: quiet,
    });
    return processes;
  }

  const ask = async (url: string) =>
    (await (await fetch(url)).json()) as { pid: number; environment: Record<string, string | undefined> };

  it('runs a function with its own environment and nothing of ours, on loopback alone', async () => {
    process.env.SECRET_OF_OURS = 'x';
    const { urls } = await start('toy');
    delete process.env.SECRET_OF_OURS;
    const { pid, environment } = await ask(`${urls.toy}/hello`);
    assert.notEqual(pid, process.pid);
    assert.deepEqual([environment.OWN_NAME, environment.ALL, environment.SECRET_OF_OURS], ['toy', 'toy', undefined]);
    await until(() => lines.includes('toy: asked /hello'));
    const own = Object.values(networkInterfaces())
      .flat()
      .find((address) => address?.family === 'IPv4' && !address.internal);
    if (own !== undefined) await assert.rejects(fetch(`http://${own.address}:${new URL(urls.toy as string).port}/`));
  });

  it('starts a killed process again on the same port', async () => {
    const { urls, restarts, pids } = await start('toy');
    const before = (await ask(`${urls.toy}/`)).pid;
    assert.equal(pids().toy, before);
    process.kill(before, 'SIGKILL');
    await until(async () => (await ask(`${urls.toy}/`).catch(() => undefined))?.pid !== undefined, 5000);
    assert.notEqual((await ask(`${urls.toy}/`)).pid, before);
    assert.equal(restarts('toy'), 1);
    await fetch(`${urls.toy}/die`).catch(() => {});
    await until(() => restarts('toy') === 2, 5000);
  });

  it('stops what ignores SIGTERM', async () => {
    const { urls, stop } = await start('stubborn');
    const { pid } = await ask(`${urls.stubborn}/`);
    await stop(100);
    assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
  });

  it('rejects, and leaves nothing, when a function cannot be loaded', async () => {
    await assert.rejects(start('nobody', 'toy'), /nobody ended with 1/);
  });

  it('ends with the process that started it, even after a SIGKILL', async () => {
    const script = `
      import { functionProcesses } from ${JSON.stringify(join(HERE, '../../emulator-bridge/function-processes.ts'))};
      const log = { debug() {}, info() {}, warn() {}, error() {} };
      const { pids } = await functionProcesses({ names: ['toy'], source: ${JSON.stringify(SOURCE)}, environment: async () => ({}), onLine() {}, log });
      console.log(pids().toy);`;
    const parent = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    const pid = await new Promise<number>((resolve) => parent.stdout.once('data', (text) => resolve(Number(text))));
    process.kill(pid, 0);
    parent.kill('SIGKILL');
    await until(() => !isRunning(pid));
  });
});

describe('process groups', () => {
  it('ends a guarded program when the pipe to its guard closes', async () => {
    const guarded = await startProcess([...GUARD, 'sh', '-c', 'echo $$; exec sleep 60'], { stdio: ['pipe', 'pipe', 'ignore'] });
    const pid = await new Promise<number>((resolve) => guarded.child.stdout?.once('data', (text) => resolve(Number(text))));
    assert.ok(isRunning(pid));
    guarded.child.stdin?.end();
    await guarded.ended;
    await until(() => !isRunning(pid));
  });

  it("passes on a guarded program's own end", async () => {
    const guarded = await startProcess([...GUARD, 'sh', '-c', 'exit 7'], { stdio: ['pipe', 'ignore', 'ignore'] });
    assert.equal(await guarded.ended, 7);
  });

  it('ends the whole group', async () => {
    const group = await startProcess(['sh', '-c', 'sleep 60 & echo $!; wait'], { stdio: ['ignore', 'pipe', 'ignore'] });
    const pid = await new Promise<number>((resolve) => group.child.stdout?.once('data', (text) => resolve(Number(text))));
    await group.stop(500);
    await until(() => !isRunning(pid));
  });

  it('rejects a program that is not there', async () => {
    await assert.rejects(startProcess(['no-such-program'], {}), { code: 'ENOENT' });
  });
});

/** A zombie, whose new parent has not looked yet, has ended. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  if (process.platform !== 'linux') return true;
  const state = process.getBuiltinModule('fs').readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.[0];
  return state !== 'Z';
}
