/**
 * One simulated world, from a seed: the real rooms and rules over simulated ports, in one process and in simulated time.
 *
 * How it works. Each deployed function runs as one or more instances (`instances.ts`): its room, made with a runtime whose ports
 * (`ports.ts`, `egress.ts`) lead into the world. A call of a port is an event of one schedule (`schedule.ts`): it takes its
 * time, has its effect on the stores or the broker, and is answered later; it may fail before the effect, lose its reply after
 * it, or end the whole instance on either side. Between two events the process runs until it is quiet, so nothing but the seed
 * decides what comes next: no wall clock, no thread pool, no system chance. Pushes (`broker.ts`) and HTTP (`network.ts`) go the
 * same way, and call the rooms without sockets (`emulator-bridge/in-process-request.ts`).
 *
 * fast-check makes the scenario (`scenario.ts`): who asks for what, what agents do with it, which faults there are. Agents,
 * receivers and clients tell an oracle (`oracle.ts`) what really happened. Every change of a task is checked as it is made
 * (`invariants.ts`); when the faults have stopped and all had its time, the rest is (`at-the-end.ts`). A seed that fails is run
 * again for its story, and again with less of the scenario, as long as it still fails.
 */

import fc from 'fast-check';
import { functionUrl, pushAccountEmail } from '../../functions/core/addresses.ts';
import { readSettings, type Settings } from '../../functions/core/settings.ts';
import { signingFrom } from '../../functions/core/signing.ts';
import { topology } from '../../functions/topology.ts';
import { AGENTS, FEW, startAgents } from './agents.ts';
import { checkTheEnd } from './at-the-end.ts';
import { startAuditor } from './auditor.ts';
import { brokerOf } from './broker.ts';
import { watchBudgets } from './budget-invariants.ts';
import { chanceOf } from './chance.ts';
import { apiKeys, startClients } from './clients.ts';
import { watchGates } from './gate-invariants.ts';
import { instancesOf } from './instances.ts';
import { watchTasks } from './invariants.ts';
import { networkOf } from './network.ts';
import { oracleOf, type Violation } from './oracle.ts';
import { SECRETS } from './ports.ts';
import { receiverKeys, startReceivers } from './receivers.ts';
import { type Scenario, scenario } from './scenario.ts';
import { scheduleFrom } from './schedule.ts';
import { memoryStore } from './store.ts';
import { storyFrom } from './story.ts';
import { watchSwitches } from './switch-invariants.ts';
import { startTenant, TENANTS } from './tenants.ts';
import { type Tokens, verifiedTokens } from './tokens.ts';
import { watchWaiting } from './waiting-invariants.ts';
import { NO_FAULTS, type World } from './world.ts';

/** Shortly before midnight, UTC. */
const START = Date.UTC(2026, 5, 30, 23, 54);
const LONGEST_MS = 8 * 3_600_000;
const SWEEP_MS = 60_000;
/** The longest that an answer takes once nothing goes wrong any more, and then some. */
const DELAY_MS = 60_000;
/** Some hundred times as many as are usual. */
const MOST_EVENTS = 200_000;
const ONCE = ['duplicate', 'lostAck'] as const;
const STEADY = ['crash', 'lostReply', 'failed', 'slow', 'dropped', 'late'] as const;

export interface Outcome {
  readonly violation: Violation | undefined;
  readonly story: readonly string[];
  readonly events: number;
}

/** What all worlds of this process share. */
export interface Simulator {
  run(given: Scenario, isTold: boolean): Promise<Outcome>;
}

export async function simulator(): Promise<Simulator> {
  const settings = readSettings(
    {},
    {
      runtime: 'embedded',
      agents: AGENTS,
      logLevel: 'silent',
      'limits.inlineBytes': 1024,
      'times.republishMaximumMs': 120_000,
      'times.retryMaximumMs': 40_000,
    },
  );
  const tokens = await verifiedTokens(settings, START, LONGEST_MS);
  const keys = await receiverKeys();
  return { run: (given, isTold) => runScenario({ settings, tokens, keys }, given, isTold) };
}

/** The scenario that a seed stands for. */
export const scenarioOf = (seed: number): Scenario => fc.sample(scenario, { seed, numRuns: 1 })[0] as Scenario;

interface Shared {
  readonly settings: Settings;
  readonly tokens: Tokens;
  readonly keys: Readonly<Record<string, readonly string[]>>;
}

async function runScenario({ settings, tokens, keys }: Shared, given: Scenario, isTold: boolean): Promise<Outcome> {
  const schedule = scheduleFrom(START);
  const faultsEnd = START + given.faultSeconds * 1000;
  const oracle = oracleOf([...AGENTS, FEW].map(({ endpoint }) => new URL(endpoint).origin));
  const world: World = {
    schedule,
    chance: chanceOf(given.chance),
    documents: memoryStore(topology.collections),
    control: memoryStore(topology.collections),
    objects: new Map(),
    settings,
    signing: signingFrom(SECRETS['signing-key'] as string),
    tokens,
    oracle,
    story: storyFrom(START, schedule.now, isTold),
    faults: () => (schedule.now() < faultsEnd ? given.faults : NO_FAULTS),
    faultsEnd,
    isSteady: given.outage === undefined && STEADY.every((fault) => given.faults[fault] === 0),
    isOnce: ONCE.every((fault) => given.faults[fault] === 0),
    skewMs: given.skewMs,
    instances: given.instances,
  };
  for (const [id, data] of apiKeys) world.control.commit([{ kind: 'create', collection: 'keys', id, data }], START);
  for (const tenant of TENANTS) startTenant(world, tenant, given.gates);
  watchTasks(world);
  watchBudgets(world);
  watchWaiting(world);
  watchSwitches(world);
  const gates = watchGates(world, given.gates);
  const network = networkOf(world);
  const broker = brokerOf(world, network);
  const instances = instancesOf(world, broker, network);
  for (const name of Object.keys(topology.functions)) {
    network.serve(functionUrl(settings, name), (call, answered) => {
      if (isOut(name)) answered(undefined);
      else instances.invoke(name, call, answered);
    });
  }
  startAgents(world, network, broker);
  startReceivers(world, network, keys);
  startClients(world, network, broker, given);
  startAuditor(world, network, LONGEST_MS - DELAY_MS);

  const isBroken = () => {
    if (schedule.happened > MOST_EVENTS) oracle.violated('a world comes to rest', `${MOST_EVENTS} events have happened`);
    return oracle.violation !== undefined;
  };
  sweepEvery();
  await schedule.run(START + LONGEST_MS, isBroken);
  if (!isBroken()) checkTheEnd(world);
  if (!isBroken()) gates.checkTheEnd();
  world.story.tell('end', () =>
    oracle.violation ? `VIOLATED: ${oracle.violation.rule}. ${oracle.violation.detail}` : 'all is well',
  );
  return { violation: oracle.violation, story: world.story.lines, events: schedule.happened };

  function isOut(name: string): boolean {
    const { outage } = given;
    if (outage === undefined || outage.of !== name || schedule.now() >= faultsEnd) return false;
    const since = (schedule.now() - START) / 1000 - outage.at;
    return since >= 0 && since < outage.seconds;
  }

  /** A sweep that would find nothing is not called: it changes nothing, and most would be of that kind. */
  function sweepEvery(): void {
    schedule.after(SWEEP_MS, () => {
      sweepEvery();
      const due = schedule.now() + given.skewMs;
      const isDue = [...world.documents.all('tasks').values()].some(({ data }) => (data.wakeAt as number) <= due);
      if (!isDue && world.documents.all('allowances').size === 0) return;
      const isAmiss = world.chance.happens(world.faults().sweeps);
      const times = isAmiss ? world.chance.oneOf([0, 2]) : 1;
      for (let time = 0; time < times; time++) sweep();
    });
  }

  function sweep(): void {
    const url = functionUrl(settings, 'sweeper');
    const authorization = `Bearer ${tokens.token(pushAccountEmail(settings), url, schedule.now())}`;
    world.story.tell('scheduler', () => 'asks for a sweep');
    network.send(`${url}/sweep`, { method: 'POST', headers: { authorization }, body: '{}' }, () => {});
  }
}
