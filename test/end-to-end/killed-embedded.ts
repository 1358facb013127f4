import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../support/folder.ts';
import { httpListener } from '../support/http-listener.ts';
import { mixedBatch, RELAY_CENTS } from '../support/stack-batch.ts';

const START = fileURLToPath(new URL('../../scripts/start.ts', import.meta.url));
const QUICK = [
  'logLevel=error',
  'times.leaseMarginMs=2000',
  'times.leaseMaximumMs=2000',
  'times.resultGraceMs=1000',
  'times.republishMs=1000',
  'times.republishMaximumMs=2000',
  'times.retryMinimumMs=50',
  'times.retryMaximumMs=400',
  'times.sweepMs=500',
  'times.backoffMinimumMs=100',
  'times.backoffMaximumMs=1000',
];

/** Kills the embedded runtime `kills` times in the middle of a batch, at random moments, and starts it again on the same data. */
export async function killEmbedded(count: number, kills: number): Promise<void> {
  const folder = temporaryFolder();
  const agent = await httpListener();
  const receiver = await httpListener();
  const agents = JSON.stringify([{ name: 'remote', endpoint: `${agent.url}/run`, priceCents: RELAY_CENTS }]);
  let running = await start(folder.path, agents);
  try {
    const batch = mixedBatch('killed', count, () => running.url, agent, receiver);
    const dispatched = batch.dispatch();
    for (let kill = 0; kill < kills; kill++) {
      await new Promise((resolve) => setTimeout(resolve, randomInt(30, 450)));
      await end(running.child, 'SIGKILL');
      running = await start(folder.path, agents);
    }
    await dispatched;
    await batch.check(60_000);
  } finally {
    await end(running.child, 'SIGTERM');
    await agent.close();
    await receiver.close();
    folder.remove();
  }
}

async function start(dataDir: string, agents: string): Promise<{ child: ChildProcess; url: string }> {
  const settings = QUICK.flatMap((setting) => ['--set', setting]);
  const child = spawn(process.execPath, [START, '--port', '0', '--data-dir', dataDir, ...settings], {
    env: { PATH: process.env.PATH, ORCHESTRATOR_AGENTS: agents },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const url = await new Promise<string>((resolve, reject) => {
    let text = '';
    child.stdout?.on('data', (chunk) => {
      text += chunk;
      const [, found] = /ready at (http:\S+)/.exec(text) ?? [];
      if (found !== undefined) resolve(found);
    });
    child.on('exit', (code) => reject(new Error(`it ended with ${code} before it was ready:\n${text}`)));
  });
  return { child, url };
}

function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.kill(signal);
  });
}
