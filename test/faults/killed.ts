import { randomInt } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { toEnvironment } from '../../functions/core/settings.ts';
import { temporaryFolder, until } from '../support/folder.ts';
import { httpListener } from '../support/http-listener.ts';
import { quickSettings, type TestStack } from '../support/stack.ts';
import { embeddedStack } from '../support/stack-embedded.ts';
import { started } from '../support/started.ts';
import { checkAccounts, type Figures } from './accounts.ts';
import { quiet } from './endure.ts';
import type { FaultyEmulated } from './faulty-emulated.ts';
import { REMOTE_PRICE_CENTS } from './faulty-stack.ts';
import { load, MIX } from './load.ts';

export interface Killing {
  readonly count: number;
  /** How long it goes on, while the load is posted. */
  readonly forMs: number;
  /** The pause between two kills, at most. */
  readonly pauseMs: number;
  readonly withinMs: number;
}

export interface Killed {
  readonly figures: Figures;
  readonly kills: number;
}

/** Kills one function's process after another, each as often as the others, in random order at random moments. */
export async function killFunctions(stack: FaultyEmulated, { count, forMs, pauseMs, withinMs }: Killing): Promise<Killed> {
  const given = load(() => stack, stack.agent, stack.receiver, { name: `killed, ${count}`, count, spreadMs: forMs });
  const posted = given.post();
  const end = Date.now() + forMs;
  let kills = 0;
  for (let waiting: string[] = []; Date.now() < end; kills++) {
    if (waiting.length === 0) waiting = Object.keys(stack.local.pids());
    const [name] = waiting.splice(randomInt(waiting.length), 1) as [string];
    await pause(randomInt(pauseMs));
    await until(() => stack.local.pids()[name] !== undefined, 30_000);
    process.kill(stack.local.pids()[name] as number, 'SIGKILL');
  }
  await posted;
  await given.ended(withinMs);
  await quiet(stack);
  return { figures: await checkAccounts(stack.signing, given, { someNeverRan: true }), kills };
}

/** Kills the whole embedded runtime again and again, and starts it on the same data; the last start is in this process. */
export async function killEmbedded({ count, forMs, pauseMs, withinMs }: Killing): Promise<Killed> {
  const folder = temporaryFolder();
  const agent = await httpListener();
  const receiver = await httpListener();
  const agents = [{ name: 'remote', endpoint: `${agent.url}/run`, priceCents: REMOTE_PRICE_CENTS }];
  const settings = quickSettings({ runtime: 'embedded', dataDir: folder.path, agents, logLevel: 'error' });
  const environment = toEnvironment(settings);
  let child = await started([], environment);
  let stack: TestStack | undefined;
  let url = child.url;
  const target = () => ({ ...(stack as TestStack), url });
  // Nobody else can publish on the topics of a process.
  const mix = MIX.filter(({ mode }) => mode !== 'straight');
  const given = load(target, agent, receiver, { name: `killed, ${count}`, count, mix, spreadMs: forMs });
  let kills = 0;
  try {
    const posted = given.post();
    for (const end = Date.now() + forMs; Date.now() < end; kills++) {
      await pause(randomInt(pauseMs));
      await child.end('SIGKILL');
      child = await started([], environment);
      url = child.url;
    }
    await child.end('SIGKILL');
    stack = await embeddedStack({ dataDir: folder.path, agents });
    url = stack.url;
    await posted;
    await given.ended(withinMs);
    return { figures: await checkAccounts(stack.signing, given, { someNeverRan: true }), kills: kills + 1 };
  } finally {
    await child.end('SIGKILL');
    await stack?.stop();
    await agent.close();
    await receiver.close();
    folder.remove();
  }
}
