/** What goes wrong, by name, while a load is posted and run: at any size, on either runtime. */

import { setTimeout as pause } from 'node:timers/promises';
import { until } from '../support/folder.ts';
import { clocksOff, PAST_THE_LEASE_MS, skewed } from './clocks-off.ts';
import type { BadDay } from './endure.ts';
import { isDeadLetters } from './faulty-deliveries.ts';

const OUTAGE_MS = 1_000;

export const badDays = {
  duplicates: {
    name: 'every delivery five times',
    begin: ({ faults }) => Object.assign(faults.deliveries, { copies: 5 }),
    felt: ({ struck, figures }) => struck > 4 * figures.tasks,
  },
  disorder: {
    name: 'deliveries out of order',
    begin: ({ faults }) => Object.assign(faults.deliveries, { shuffleMs: 400 }),
    felt: ({ figures }) => figures.p50 > 200,
  },
  delay: {
    name: 'deliveries later than the lease',
    begin: ({ faults }) => Object.assign(faults.deliveries, { late: { share: 0.1, ms: PAST_THE_LEASE_MS } }),
    felt: ({ struck, figures }) => struck > 0 && (figures.tasks < 1_000 || figures.repeats > 0),
  },
  lostAcks: {
    name: 'lost acknowledgements',
    begin: ({ faults }) => Object.assign(faults.deliveries, { lostAcks: 0.3 }),
    felt: ({ struck, figures }) => struck > figures.tasks / 4,
  },
  resets: {
    name: 'connection resets',
    network: true,
    begin({ faults }) {
      // A request is two packets, one in each direction: of twenty requests, one is cut.
      for (const proxy of [...Object.values(faults.functions), faults.front]) proxy.resets = 0.025;
    },
    felt: ({ resets, figures }) => resets > figures.tasks / 25,
  },
  /** The agents first, and not for long: at three dead letters without a claim a task is dead by rights. Then the results. */
  unreachable: {
    name: 'functions unreachable, and every dead letter five times',
    network: true,
    begin: ({ faults }) => Object.assign(faults.deliveries, { copies: 5, of: isDeadLetters }),
    async meanwhile({ faults, local }, scale) {
      const seen = (name: string) => () => (local.counters()[name]?.acked ?? 0) > 0;
      await pause(40 * scale);
      for (const name of ['agent-light', 'codex']) faults.functions[name]?.down();
      await until(seen('sub-dead-tasks'), 90_000);
      for (const name of ['agent-light', 'codex']) faults.functions[name]?.up();
      faults.functions.results?.down();
      await until(seen('sub-dead-results'), 90_000);
      faults.functions.results?.up();
    },
    felt: ({ deadLettered }) => deadLettered > 0,
  },
  slowness: {
    name: 'slow functions and an agent slower than its lease',
    network: true,
    begin({ faults }) {
      for (const proxy of Object.values(faults.functions)) proxy.delayMs = () => (Math.random() < 0.1 ? 200 : 5);
    },
    agentMs: everyTwentieth(3_400),
    felt: ({ figures }) => figures.p99 > 3_400,
  },
  clocksOneWay: clocksOff('clocks half a minute off, one way', skewed(['dispatch', 'agent-light', 'callbacks'])),
  clocksOtherWay: clocksOff('clocks half a minute off, the other way', skewed(['results', 'dead-letters', 'sweeper', 'codex'])),
  keysUnreachable: {
    name: "the issuer's keys unreachable while new ones are needed",
    begin: ({ faults }) => faults.keys.down(),
    async meanwhile({ faults, local }, scale) {
      await pause(100);
      await local.issuer.rotate();
      await pause(OUTAGE_MS * scale);
      faults.keys.up();
    },
    felt: ({ nacked }) => nacked > 0,
  },
  keyRotation: {
    name: 'keys that change under load',
    begin: () => {},
    async meanwhile({ local }, scale, posted) {
      for (let rotation = 0; rotation < 2 || !posted.aborted; rotation++) {
        await pause(150 * scale);
        await local.issuer.rotate();
      }
    },
    felt: ({ nacked }) => nacked > 0,
  },
  storeSilent: {
    name: 'a store that does not answer',
    begin: () => {},
    async meanwhile({ faults }, scale) {
      await pause(60 * scale);
      faults.store.stall();
      await pause(OUTAGE_MS * scale);
      faults.store.up();
    },
    expected: { someNeverRan: true },
    felt: ({ figures }) => figures.longest > OUTAGE_MS / 2,
  },
  storeUnreachable: {
    name: 'the store unreachable',
    begin: () => {},
    async meanwhile({ faults }, scale) {
      await pause(60 * scale);
      faults.store.down();
      await pause(OUTAGE_MS * scale);
      faults.store.up();
    },
    expected: { someNeverRan: true },
    felt: ({ nacked }) => nacked > 0,
  },
} satisfies Record<string, BadDay>;

/** Several at once. */
export function together(...days: readonly BadDay[]): BadDay {
  return {
    name: days.map(({ name }) => name).join(', and '),
    ...(days.some(({ network }) => network) ? { network: true } : {}),
    begin(stack) {
      for (const day of days) day.begin(stack);
    },
    async meanwhile(stack, scale, posted) {
      await Promise.all(days.map((day) => day.meanwhile?.(stack, scale, posted)));
    },
    agentMs: () => Math.max(...days.map((day) => day.agentMs?.() ?? 0)),
    expected: Object.assign({}, ...days.map(({ expected }) => expected)),
    felt: (traces) => days.every((day) => day.felt(traces)),
  };
}

function everyTwentieth(ms: number): () => number {
  let runs = 0;
  return () => {
    runs += 1;
    return runs % 20 === 0 ? ms : 0;
  };
}
