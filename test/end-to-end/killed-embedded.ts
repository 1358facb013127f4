import { randomInt } from 'node:crypto';
import { temporaryFolder } from '../support/folder.ts';
import { httpListener } from '../support/http-listener.ts';
import { mixedBatch, RELAY_CENTS } from '../support/stack-batch.ts';
import { type Started, started } from '../support/started.ts';

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
      await running.end('SIGKILL');
      running = await start(folder.path, agents);
    }
    await dispatched;
    await batch.check(60_000);
  } finally {
    await running.end('SIGTERM');
    await agent.close();
    await receiver.close();
    folder.remove();
  }
}

function start(dataDir: string, agents: string): Promise<Started> {
  const settings = QUICK.flatMap((setting) => ['--set', setting]);
  return started(['--port', '0', '--data-dir', dataDir, ...settings], { ORCHESTRATOR_AGENTS: agents });
}
