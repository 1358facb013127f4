/**
 * `npm run demo`: dispatches a mixed batch through real HTTP, shows how it goes, has an agent modify a project and rolls that back, and
 * checks every outcome. Exit 1 when one is not the expected one, 2 when there is nothing to dispatch to, 130 after ctrl-C.
 */

import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { stopOnSignal } from '../emulator-bridge/signals.ts';
import { microsFromCents } from '../functions/core/budgets/money.ts';
import { Problem } from '../functions/core/errors.ts';
import { batch } from './demo/batch.ts';
import { type CallbackListener, listenForCallbacks } from './demo/callback-listener.ts';
import type { TaskView } from './demo/client.ts';
import { judge } from './demo/outcomes.ts';
import { progressOn } from './demo/progress.ts';
import { type ProjectSeen, showProject } from './demo/project.ts';
import { report, verdict } from './demo/report.ts';
import { runBatch } from './demo/run-batch.ts';
import { openServer, type Server } from './demo/server.ts';
import { startShoutingAgent } from './demo/shouting-agent.ts';

const USAGE = `Usage: npm run demo -- [flags]

Dispatches a batch to the Heliograph at ORCHESTRATOR_URL or on the local port; starts one where none runs. There an agent also modifies
a project, which is then rolled back.

  --emulators   starts one on Google's emulators instead
  --help        this text`;

const release = new AsyncDisposableStack();
let stopping = false;
let opened = Promise.resolve();
stopOnSignal(
  async () => {
    stopping = true;
    await opened;
    await release.disposeAsync();
    console.error('\nStopped; the batch was not judged.');
    process.exit(130);
  },
  (error) => console.error(error),
);

try {
  process.exitCode = await demo();
} catch (error) {
  if (!stopping) {
    console.error(error instanceof Problem ? error.message : error);
    process.exitCode = 2;
  }
} finally {
  if (!stopping) await release.disposeAsync();
}

async function demo(): Promise<number> {
  const { emulators, help } = flags();
  if (help) {
    console.log(USAGE);
    return 0;
  }
  const opening = openServer(process.env, emulators).then((it) => release.adopt(it, (server) => server.stop()));
  // A ctrl-C during the start waits for it: half-started things would be left behind.
  opened = opening.then(
    () => {},
    () => {},
  );
  const server = await opening;
  console.log(`Dispatching to ${server.what} at ${server.url}`);

  const { priceMicros, priceFrom } = await priceOf(server);
  const listener = await listenerFor(server);
  const run = `demo-${randomBytes(6).toString('hex')}`;
  const kinds = batch({ run, callbackUrl: listener?.url, canPublish: server.publish !== undefined, priced: priceMicros > 0 });
  if (listener === undefined) console.log('Left out: the callback; this server cannot reach a listener on this machine.');
  const started = performance.now();
  const { seen, traced } = await runBatch({
    client: server.client,
    traceId: run,
    kinds,
    publish: server.publish,
    listener,
    progress: progressOn(process.stdout),
  });
  const seconds = (performance.now() - started) / 1000;
  const project = await projectOn(server, run);

  const outcomes = kinds.map((kind) => judge(kind, seen.get(kind) ?? { answers: [], tasks: [], callbacks: 0 }, priceMicros));
  const plain = kinds.filter((kind) => kind.plain).flatMap((kind) => seen.get(kind)?.tasks ?? []);
  const { lines, faults } = report(outcomes, {
    priceMicros,
    priceFrom,
    seconds,
    plain: { tasks: plain.length, seconds: spanSeconds(plain) },
    listed: traced.length,
  });
  const all = [...faults, ...project.faults];
  console.log(`\n${[...lines, '', ...project.lines, '', ...verdict(all)].join('\n')}`);
  return all.length === 0 ? 0 : 1;
}

/** Where the demo knows no folder that the server may change, nothing is. */
async function projectOn({ client, projects: folder }: Server, run: string): Promise<ProjectSeen> {
  if (folder === undefined)
    return { lines: ['Left out: the project; only a server of the demo’s own has its folder.'], faults: [] };
  const agent = release.adopt(await startShoutingAgent(), (it) => it.close());
  return showProject({ client, folder, agentUrl: agent.url, run });
}

/** What one run costs: the setting where it is known, else what a first run is charged. */
async function priceOf({ client, priceCents }: Server): Promise<{ priceMicros: number; priceFrom: string }> {
  if (priceCents !== undefined) return { priceMicros: microsFromCents(priceCents), priceFrom: 'its setting' };
  const { status, body } = await client.post('/dispatch', { agent: 'light', payload: { msg: 'what does a run cost?' } });
  if (status === 401) throw new Problem(401, 'unauthenticated', 'This server requires an API key: set ORCHESTRATOR_API_KEY.');
  if (status !== 200 || body.status !== 'succeeded')
    throw new Problem(502, 'no_price', `A first task was answered with ${status}: ${JSON.stringify(body).slice(0, 500)}`);
  return { priceMicros: microsFromCents(Number(body.costCents)), priceFrom: 'what a first run was charged' };
}

/** A server elsewhere cannot reach this machine, and may not. */
async function listenerFor({ url, client }: Server): Promise<CallbackListener | undefined> {
  if (!['127.0.0.1', 'localhost', '[::1]'].includes(new URL(url).hostname)) return undefined;
  const keys = async () => ((await client.get('/callbacks/key')).body.keys ?? []) as string[];
  return release.adopt(await listenForCallbacks(keys), (it) => it.close());
}

/** From the first task's creation to the last one's end, by the server's times. */
function spanSeconds(tasks: readonly TaskView[]): number {
  const from = Math.min(...tasks.map(({ createdAt }) => Date.parse(createdAt)));
  const to = Math.max(...tasks.map(({ createdAt, finishedAt }) => Date.parse(finishedAt ?? createdAt)));
  return Math.max(1, to - from) / 1000;
}

function flags(): { emulators: boolean; help: boolean } {
  try {
    const { values } = parseArgs({ options: { emulators: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } });
    return { emulators: values.emulators === true, help: values.help === true };
  } catch (error) {
    throw new Problem(422, 'invalid_flags', `${(error as Error).message.split('. ', 1)[0]}\n\n${USAGE}`);
  }
}
