/** The bill as people read it: as text, and as the README's tables. */

import type { Topology } from '../../functions/topology.ts';
import { EXAMPLE_SETTINGS, settingsFile } from '../../infra/settings-file.ts';
import { type Amount, type Bill, billOf } from './bill.ts';
import { ASSUMED } from './compute.ts';
import { columns, dollars, figure, markdownTable, wrapped } from './format.ts';
import { type Idle, idleRows } from './idle.ts';
import { PEERS } from './peers.ts';
import { borrowed, PRICES, type Price, type PriceName } from './prices.ts';
import { type Load, operationsOfLoad } from './usage.ts';

const WIDTH = 74;
/** The numbers of tasks in the README. */
const README_TASKS = [10_000, 1_000_000, 100_000_000] as const;

/** Everything about one load, for a terminal. */
export function textReport(topology: Topology, load: Load, freeTier: boolean): string {
  const bill = billOf(topology, load);
  const amounts = (amount: Amount) => columns(freeTier ? [amount.list, amount.afterFree] : [amount.list]);
  const heading = (title: string) => `${title.padEnd(WIDTH)}${columns(freeTier ? ['list price', 'after free'] : ['list price'])}`;
  return [
    `${loadText(load)}. Dollars a month.`,
    '',
    heading('service'),
    ...Object.entries(bill.services).flatMap(([service, amount]) => [
      `${service.padEnd(WIDTH)}${amounts(amount)}`,
      ...bill.lines
        .filter((line) => line.service === service)
        .map((line) => `  ${`${line.item}: ${figure(line.quantity)} ${line.unit}`.padEnd(WIDTH - 2)}${amounts(line)}`),
    ]),
    `${'Total'.padEnd(WIDTH)}${amounts(bill.total)}`,
    ...(load.tasks === 0 ? [] : [`${'  per million tasks'.padEnd(WIDTH)}${amounts(perMillion(bill.total, load))}`]),
    `${'  without any task'.padEnd(WIDTH)}${amounts(bill.standing)}`,
    `${'  without the agent’s own function'.padEnd(WIDTH)}${amounts(bill.withoutAgent)}`,
    '',
    heading('others, for the same tasks, without the agent’s computer'),
    ...PEERS.flatMap((peer) => [
      `${`${peer.name}, ${figure(peer.units(load))} ${peer.unit} a task`.padEnd(WIDTH)}${amounts(peer.amount(load))}`,
      ...wrapped(`  ${peer.why}.`),
    ]),
    '',
    heading('a month without any task'),
    ...idleRows(topology, load, settingsFile()).map((row) => `${row.what.padEnd(WIDTH)}${amounts(row)}`),
    '',
    ...notes(load, freeTier).flatMap((note) => wrapped(note)),
  ].join('\n');
}

/** The price list with its sources. */
export function pricesReport(): string {
  const rows = Object.values(PRICES).map((price: Price) => {
    const elsewhere = [
      price.tier2 === undefined ? '' : `, $${price.tier2} in tier 2`,
      price.multiRegion === undefined ? '' : `, $${price.multiRegion} in eur3, nam5 and nam7`,
      price.free === undefined
        ? ''
        : `; ${figure(price.free)} free a month${price.freeIn === undefined ? '' : ` in ${price.freeIn.join(', ')}`}`,
    ].join('');
    const per = price.per === 1 ? price.unit.replace(/(?<!-)s$/, '') : `${figure(price.per)} ${price.unit}`;
    return `${price.service}, ${price.item}: $${price.dollars} for ${price.per === 1 ? `a ${per}` : per}${elsewhere}\n  ${price.source} (${price.read})`;
  });
  const peers = PEERS.map(({ name, source, read }) => `${name}\n  ${source} (${read})`);
  return [...rows, ...peers].join('\n');
}

/** The README's tables, at list prices, of `load` with the usual numbers of tasks, and of what stands there without any. */
export function markdownReport(topology: Topology, load: Load): string {
  const table = README_TASKS.map((tasks) => {
    const of = { ...load, tasks };
    const bill = billOf(topology, of);
    const peers = PEERS.map((peer) => dollars(peer.amount(of).list));
    return [figure(tasks), dollars(bill.total.list), dollars(bill.total.afterFree), dollars(bill.withoutAgent.list), ...peers];
  });
  const idle = idleRows(topology, load, EXAMPLE_SETTINGS).map((row: Idle) => [row.what, dollars(row.list), dollars(row.afterFree)]);
  const heading = [
    'tasks a month',
    'Heliograph',
    'after free tiers',
    'without the agent’s function',
    ...PEERS.map(({ name }) => name),
  ];
  return [markdownTable(heading, table), markdownTable(['a month without any task', 'Heliograph', 'after free tiers'], idle)].join(
    '\n\n',
  );
}

/** All figures, for programs. */
export function jsonReport(topology: Topology, load: Load) {
  const bill: Bill = billOf(topology, load);
  return {
    load,
    operationsPerTask: operationsOfLoad(load),
    ...bill,
    perMillionTasks: load.tasks === 0 ? undefined : perMillion(bill.total, load),
    others: PEERS.map((peer) => ({
      name: peer.name,
      unitsPerTask: peer.units(load),
      unit: peer.unit,
      why: peer.why,
      ...peer.amount(load),
    })),
    idle: idleRows(topology, load, settingsFile()),
    assumed: ASSUMED,
    prices: PRICES as Record<PriceName, Price>,
    notes: notes(load, true),
  };
}

const perMillion = ({ list, afterFree }: Amount, { tasks }: Load): Amount => ({
  list: (list / tasks) * 1e6,
  afterFree: (afterFree / tasks) * 1e6,
});

function loadText({ tasks, payloadBytes, resultBytes, runMs, mode, agent, callback, budget, reads, waits, place }: Load): string {
  const more = [
    callback ? ', with a callback' : '',
    budget ? ', under a budget of the day' : '',
    reads > 0 ? `, read ${figure(reads)} × each` : '',
    waits > 0 ? `, waited for ${figure(waits)} × each` : '',
  ].join('');
  const location = place.databaseLocation === place.region ? '' : ` with Firestore in ${place.databaseLocation}`;
  return `${figure(tasks)} tasks in mode ${mode} by ${agent}, payload ${figure(payloadBytes / 1024)} KiB, result ${figure(resultBytes / 1024)} KiB, running ${figure(runMs)} ms${more}, in ${place.region}${location}`;
}

function notes(load: Load, freeTier: boolean): string[] {
  const elsewhere = borrowed(load.place);
  return [
    'Operations are those that a test counts. All tasks succeed at their first attempt, so nothing is retried and no letter is dead. They come evenly at random all month, the dearest way, since what overlaps on an instance is billed once.',
    `Assumed: ${ASSUMED.requestMs} ms for a request beside the run and ${ASSUMED.cpuMs} ms of processor time, ${ASSUMED.sweepMs} ms for an idle sweep, ${ASSUMED.logBytes} bytes for a line of log, ${ASSUMED.imageGiB} GiB for an image; answers go to the internet. Not in it: taxes, builds, what agents call, data that agents’ runs keep.`,
    'Alerts are priced as announced; whether that has begun was not seen.',
    ...(freeTier
      ? [
          'Free amounts are taken as if the billing account did nothing else; of Firestore none, as its free quota may be another database’s.',
        ]
      : []),
    ...(elsewhere.length > 0
      ? [`Priced as in us-central1, for want of prices of ${load.place.region}: ${elsewhere.join(', ')}.`]
      : []),
    'Each price with its source and date: --prices.',
  ];
}
