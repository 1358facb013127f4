/** The month's bill: what is used, at its prices. */

import type { Topology } from '../../functions/topology.ts';
import { dollarsPerUnit, freeUnits, PRICES, type Price, type PriceName } from './prices.ts';
import { type Load, type Use, usageOf } from './usage.ts';

/** Dollars at list price, and with what is free every month taken off. */
export interface Amount {
  readonly list: number;
  readonly afterFree: number;
}

export interface Line extends Amount {
  readonly price: PriceName;
  readonly service: string;
  readonly item: string;
  readonly quantity: number;
  readonly unit: string;
}

export interface Bill {
  /** One line for each price that is met. */
  readonly lines: readonly Line[];
  readonly services: Readonly<Record<string, Amount>>;
  readonly total: Amount;
  /** What there would be to pay without any task. */
  readonly standing: Amount;
  /** Without the agent's own function: what the orchestration costs. */
  readonly withoutAgent: Amount;
}

/** The bill of a load. Free amounts are taken as if the billing account did nothing else. */
export function billOf(topology: Topology, load: Load): Bill {
  const uses = usageOf(topology, load);
  const lines = linesOf(uses, load);
  const services = Object.groupBy(lines, ({ service }) => service);
  return {
    lines,
    services: Object.fromEntries(Object.entries(services).map(([name, some]) => [name, amountOf(some ?? [])])),
    total: amountOf(lines),
    standing: amountOf(linesOf(usageOf(topology, { ...load, tasks: 0 }), load)),
    withoutAgent: amountOf(
      linesOf(
        uses.filter(({ part }) => part !== 'agent'),
        load,
      ),
    ),
  };
}

function linesOf(uses: readonly Use[], { place }: Pick<Load, 'place'>): Line[] {
  const quantities = new Map<PriceName, number>();
  for (const { price, quantity } of uses) quantities.set(price, (quantities.get(price) ?? 0) + quantity);
  const names = Object.keys(PRICES) as PriceName[];
  return names.flatMap((name) => {
    const quantity = quantities.get(name);
    if (quantity === undefined) return [];
    const { service, item, unit }: Price = PRICES[name];
    const each = dollarsPerUnit(name, place);
    const list = quantity * each;
    return [{ price: name, service, item, unit, quantity, list, afterFree: Math.max(0, quantity - freeUnits(name, place)) * each }];
  });
}

const amountOf = (amounts: readonly Amount[]): Amount => ({
  list: amounts.reduce((sum, { list }) => sum + list, 0),
  afterFree: amounts.reduce((sum, { afterFree }) => sum + afterFree, 0),
});
