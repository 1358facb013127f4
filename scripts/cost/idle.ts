/** What a month costs in which nothing is asked for: as a stack of everything optional, and as the settings file has it. */

import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parse } from 'yaml';
import type { Topology } from '../../functions/topology.ts';
import { parseEnvironment } from '../../infra/settings.ts';
import { type Amount, billOf } from './bill.ts';
import type { Load } from './usage.ts';

const ROOT = join(import.meta.dirname, '../..');

export interface Idle extends Amount {
  readonly what: string;
}

/** A row for each way to stand there; `file` is a settings file. Throws an `Error` that names every bad setting. */
export function idleRows(topology: Topology, load: Load, file: string): Idle[] {
  const row = (what: string, changed: Partial<Load>): Idle => ({
    what,
    ...billOf(topology, { ...load, minimumInstances: {}, balancer: false, alerts: false, ...changed, tasks: 0 }).total,
  });
  const front = Object.keys(topology.functions).find((name) => topology.functions[name]?.access === 'front') ?? 'dispatch';
  return [
    row('scaled to zero', {}),
    row('with alerts', { alerts: true }),
    row(`one ${front} kept warm`, { minimumInstances: { [front]: 1 } }),
    row('behind the load balancer', { balancer: true }),
    ...environments(topology, file).map(({ name, settings }) =>
      row(`\`${name}\` of ${relative(ROOT, file)}`, {
        place: { region: settings.region, databaseLocation: settings.databaseLocation ?? settings.region },
        balancer: settings.balancer !== undefined,
        alerts: settings.alertEmails.length > 0,
        minimumInstances: settings.minimumInstances as Record<string, number>,
        backupRetentionDays: settings.backupRetentionDays,
      }),
    ),
  ];
}

function environments(topology: Topology, file: string) {
  const content: unknown = parse(readFileSync(file, 'utf8'));
  const names = Object.keys((content as { environments?: object } | null)?.environments ?? {});
  try {
    return names.map((name) => ({ name, settings: parseEnvironment(content, name, topology) }));
  } catch (error) {
    throw new Error(`${relative(ROOT, file)}: ${(error as Error).message}`, { cause: error });
  }
}
