/** What a month costs in which nothing is asked for: as a stack of everything optional, and as the settings file has it. */

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import type { Topology } from '../../functions/topology.ts';
import { parseEnvironment } from '../../infra/settings.ts';
import { type Amount, billOf } from './bill.ts';
import type { Load } from './usage.ts';

const INFRA = resolve(dirname(fileURLToPath(import.meta.url)), '../../infra');
const ROOT = dirname(INFRA);
export const OWN_SETTINGS = join(INFRA, 'settings.yaml');
export const EXAMPLE_SETTINGS = join(INFRA, 'settings.example.yaml');

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

/** The settings that the stack would be made of, too. */
export const settingsFile = (): string => (existsSync(OWN_SETTINGS) ? OWN_SETTINGS : EXAMPLE_SETTINGS);

function environments(topology: Topology, file: string) {
  const content: unknown = parse(readFileSync(file, 'utf8'));
  const names = Object.keys((content as { environments?: object } | null)?.environments ?? {});
  try {
    return names.map((name) => ({ name, settings: parseEnvironment(content, name, topology) }));
  } catch (error) {
    throw new Error(`${relative(ROOT, file)}: ${(error as Error).message}`, { cause: error });
  }
}
