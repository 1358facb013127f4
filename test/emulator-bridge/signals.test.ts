import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SIGNALS = join(dirname(fileURLToPath(import.meta.url)), '../../emulator-bridge/signals.ts');

describe('stopping on a signal', () => {
  /** Runs a program whose stop is `stop`, sends it signals at these times (milliseconds), gives its exit code. */
  async function exitOf(stop: string, ...times: number[]): Promise<number | null> {
    const script = `
      import { stopOnSignal } from ${JSON.stringify(SIGNALS)};
      stopOnSignal(${stop}, () => {});
      setInterval(() => {}, 1000);
      console.log('up');`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise((resolve) => child.stdout.once('data', resolve));
    const timers = times.map((ms) => setTimeout(() => child.kill('SIGINT'), ms));
    const code = await new Promise<number | null>((resolve) => child.once('exit', resolve));
    for (const timer of timers) clearTimeout(timer);
    return code;
  }

  const slow = '() => new Promise((resolve) => setTimeout(resolve, 300))';
  const never = '() => new Promise(() => {})';
  const rows: [string, string, number[], number][] = [
    ['one', slow, [0], 0],
    ['the same one twice, as npm sends it', slow, [0, 50], 0],
    ['a stop that fails', 'async () => { throw new Error() }', [0], 1],
    ['a second one, where the stop hangs', never, [0, 700], 130],
  ];
  for (const [name, stop, times, code] of rows) {
    it(`ends with ${code} after ${name}`, async () => assert.equal(await exitOf(stop, ...times), code));
  }
});
