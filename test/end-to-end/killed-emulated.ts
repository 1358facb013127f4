import { setTimeout as pause } from 'node:timers/promises';
import { until } from '../support/folder.ts';
import type { Listener } from '../support/http-listener.ts';
import { mixedBatch } from '../support/stack-batch.ts';
import type { EmulatedTestStack } from '../support/stack-emulated.ts';

/** Kills each function's process in turn in the middle of a batch, `rounds` times; the bridge starts it again. */
export async function killEachFunction(
  stack: EmulatedTestStack,
  agent: Listener,
  receiver: Listener,
  options: { name: string; count: number; rounds: number },
): Promise<void> {
  agent.received.length = 0;
  receiver.received.length = 0;
  const batch = mixedBatch(options.name, options.count, () => stack.url, agent, receiver);
  const dispatched = batch.dispatch();
  for (let round = 0; round < options.rounds; round++) {
    for (const name of Object.keys(stack.local.pids())) {
      await pause(250);
      const pid = stack.local.pids()[name];
      if (pid === undefined) continue;
      process.kill(pid, 'SIGKILL');
      await until(() => stack.local.pids()[name] !== pid, 20_000);
    }
  }
  await dispatched;
  await batch.check(120_000);
}
