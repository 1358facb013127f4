import { CloudSchedulerJob } from '@cdktf/provider-google/lib/cloud-scheduler-job/index.js';
import type { ServiceAccount } from '@cdktf/provider-google/lib/service-account/index.js';
import { functionUrl } from '../functions/core/addresses.ts';
import { type Context, rows } from './context.ts';

/**
 * Makes the schedules: a POST with the push account's token. A failed call is not repeated, the next time is soon enough. That is
 * the default; said as a retry count of 0 it would be left out of the request, and be missed at every plan.
 */
export function makeSchedules({ stack, settings, topology, naming }: Context, push: ServiceAccount): void {
  for (const [name, row] of rows(topology.schedules)) {
    const url = functionUrl(naming, row.function);
    new CloudSchedulerJob(stack, `schedule_${name}`, {
      name: `heliograph-${name}`,
      region: settings.region,
      schedule: row.cron,
      timeZone: 'Etc/UTC',
      attemptDeadline: `${topology.functions[row.function]?.timeoutSeconds}s`,
      httpTarget: {
        uri: url + row.path,
        httpMethod: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: Buffer.from('{}').toString('base64'),
        oidcToken: { serviceAccountEmail: push.email, audience: url },
      },
    });
  }
}
