/** What stands there in a month without any task: the sweeper, and what is billed by being there. */

import { Cron } from 'croner';
import { ALLOWANCE_SHARDS } from '../../functions/core/budgets/budget.ts';
import { TENANT_SHARDS } from '../../functions/core/budgets/limits.ts';
import { SHARDS } from '../../functions/core/store.ts';
import type { Topology } from '../../functions/topology.ts';
import { ASSUMED, MONTH_SECONDS } from './compute.ts';
import type { Use } from './usage.ts';

/** What the settings of an environment choose. */
export interface Standing {
  readonly balancer: boolean;
  /** Somebody is told of trouble. */
  readonly alerts: boolean;
  /** By function. */
  readonly minimumInstances: Readonly<Record<string, number>>;
  readonly backupRetentionDays: number;
}

const GIB = 2 ** 30;
/** As `infra/functions.ts` has the repository keep, and `infra/balancer.ts` makes. */
const IMAGES_KEPT = 5;
const ARMOR_RULES = 2;
/** Source: Cloud Monitoring, "Manage alerting costs": an alert is evaluated every 30 seconds. */
const EVALUATIONS = MONTH_SECONDS / 30;
/** Open backups and open rollbacks, and when the audit log was sealed. */
const UNSHARDED_READS = 3;
/** Each of a sweep's queries finds nothing, which is billed as one read. */
export const SWEEP_READS = SHARDS + ALLOWANCE_SHARDS + TENANT_SHARDS + UNSHARDED_READS;

/** `activeSeconds`: how long each function's instances had requests of tasks; the rest of a minimum instance's time is idle. */
export function standingUses(topology: Topology, standing: Standing, activeSeconds: Readonly<Record<string, number>>): Use[] {
  const use = (price: Use['price'], quantity: number): Use => ({ price, quantity, part: 'standing' });
  const sweeps = Object.values(topology.schedules).map(({ cron, function: name }) => ({ name, runs: runsPerMonth(cron) }));
  const runs = sweeps.reduce((sum, sweep) => sum + sweep.runs, 0);
  const { metrics, series } = alertSize(topology);
  const functions = Object.keys(topology.functions).length;
  return [
    ...sweeps.flatMap((sweep) => {
      const seconds = (sweep.runs * Math.ceil(ASSUMED.sweepMs / 100)) / 10;
      return [
        use('requests', sweep.runs),
        use('cpu', seconds),
        use('memory', seconds * memoryGiB(topology, sweep.name)),
        // The sweep of backups looks at objects alone.
        use('reads', sweep.name === 'sweeper' ? sweep.runs * SWEEP_READS : 0),
      ];
    }),
    ...Object.entries(standing.minimumInstances).flatMap(([name, count]) => {
      const idle = Math.max(0, count * MONTH_SECONDS - (activeSeconds[name] ?? 0));
      return [use('idleCpu', idle), use('idleMemory', idle * memoryGiB(topology, name))];
    }),
    use('jobs', sweeps.length),
    // The scheduler writes a line at the start and one at the end, Cloud Run one of the request.
    use('logs', (runs * 3 * ASSUMED.logBytes) / GIB),
    use('secretVersions', topology.secrets.length),
    use('images', ASSUMED.sharedImageGiB + functions * IMAGES_KEPT * ASSUMED.imageGiB),
    ...(standing.alerts ? [use('alertMetrics', metrics), use('alertPoints', series * EVALUATIONS)] : []),
    ...(standing.balancer
      ? [use('balancerHours', MONTH_SECONDS / 3600), use('armorPolicies', 1), use('armorRules', ARMOR_RULES)]
      : []),
  ];
}

const memoryGiB = ({ functions }: Topology, name: string): number => (functions[name]?.memoryMiB ?? 0) / 1024;

/** Every so often, by the pauses between some runs of it. */
export function runsPerMonth(cron: string): number {
  const known = counted.get(cron) ?? countedRuns(cron);
  counted.set(cron, known);
  return known;
}

/** By expression: to count takes longer than all the rest of a bill. */
const counted = new Map<string, number>();

function countedRuns(cron: string): number {
  const job = new Cron(cron, { timezone: 'Etc/UTC', paused: true });
  const runs = job.nextRuns(61, new Date('2026-01-01T00:00:00Z'));
  const [first, last] = [runs[0], runs.at(-1)];
  if (first === undefined || last === undefined || first === last) return 0;
  return ((runs.length - 1) * MONTH_SECONDS * 1000) / (last.getTime() - first.getTime());
}

/** The metrics and time series that the alerts of `infra/alerts.ts` look at; a ratio looks at two. */
function alertSize({ subscriptions, functions, schedules }: Topology): { metrics: number; series: number } {
  const rows = Object.values(subscriptions);
  const deadLettered = rows.filter(({ deadLetter }) => deadLetter !== undefined).length;
  const silent = Object.keys(schedules).length;
  return { metrics: 4 + silent, series: deadLettered + rows.length + 2 * Object.keys(functions).length + silent };
}
