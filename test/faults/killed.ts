import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { toEnvironment } from '../../functions/core/settings.ts';
import { temporaryFolder, until } from '../support/folder.ts';
import { httpListener } from '../support/http-listener.ts';
import { quickSettings, type TestStack } from '../support/stack.ts';
import { embeddedStack } from '../support/stack-embedded.ts';
import { checkAccounts, type Figures } from './accounts.ts';
import { quiet } from './endure.ts';
import type { FaultyEmulated } from './faulty-emulated.ts';
import { REMOTE_PRICE_CENTS } from './faulty-stack.ts';
import { load, MIX } from './load.ts';

const START = fileURLToPath(new URL('../../scripts/start.ts', import.meta.url));

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
  const environment = toEnvironment(quickSettings({ runtime: 'embedded', dataDir: folder.path, agents }));
  let child = await start(environment);
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
      await kill(child.process);
      child = await start(environment);
      url = child.url;
    }
    await kill(child.process);
    stack = await embeddedStack({ dataDir: folder.path, agents });
    url = stack.url;
    await posted;
    await given.ended(withinMs);
    return { figures: await checkAccounts(stack.signing, given, { someNeverRan: true }), kills: kills + 1 };
  } finally {
    await kill(child.process);
    await stack?.stop();
    await agent.close();
    await receiver.close();
    folder.remove();
  }
}

async function start(
  environment: Readonly<Record<string, string>>,
): Promise<{ readonly process: ChildProcess; readonly url: string }> {
  const child = spawn(process.execPath, [START], {
    env: { PATH: process.env.PATH, ...environment, ORCHESTRATOR_LOG_LEVEL: 'error' },
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
  return { process: child, url };
}

function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.kill('SIGKILL');
  });
}
