/** What somebody is told of: the alert policies, their channels, and the month's spending. */

import { BillingBudget } from '@cdktf/provider-google/lib/billing-budget/index.js';
import type { Cloudfunctions2Function } from '@cdktf/provider-google/lib/cloudfunctions2-function/index.js';
import {
  MonitoringAlertPolicy,
  type MonitoringAlertPolicyConditions,
} from '@cdktf/provider-google/lib/monitoring-alert-policy/index.js';
import { MonitoringNotificationChannel } from '@cdktf/provider-google/lib/monitoring-notification-channel/index.js';
import { type Context, type Named, rows } from './context.ts';
import { ofServices, ofSubscriptions, REQUESTS } from './metrics.ts';

const MINUTES_5 = '300s';

/**
 * Makes them; where nobody is to be told, no policy, since Cloud Monitoring bills what a policy looks at. The functions are waited
 * for: a policy on a metric of something that does not exist is refused.
 */
export function makeAlerts(context: Context, functions: Named<Cloudfunctions2Function>): void {
  const { stack, settings } = context;
  const channels = settings.alertEmails.map(
    (email, index) =>
      new MonitoringNotificationChannel(stack, `channel_${index}`, {
        displayName: `Heliograph: ${email}`,
        type: 'email',
        labels: { email_address: email },
      }),
  );
  if (channels.length > 0) makePolicies(context, functions, channels);
  limitSpending(context, channels);
}

function makePolicies(
  { stack, topology }: Context,
  functions: Named<Cloudfunctions2Function>,
  channels: readonly MonitoringNotificationChannel[],
): void {
  const { alerts } = topology;
  const policy = (id: string, displayName: string, condition: Omit<MonitoringAlertPolicyConditions, 'displayName'>, help: string) =>
    new MonitoringAlertPolicy(stack, `alert_${id}`, {
      displayName: `Heliograph: ${displayName}`,
      combiner: 'OR',
      conditions: [{ displayName, ...condition }],
      documentation: { content: help, mimeType: 'text/markdown' },
      notificationChannels: channels.map(({ name }) => name),
      dependsOn: Object.values(functions),
    });

  const withDeadLetter = rows(topology.subscriptions).filter(([, { deadLetter }]) => deadLetter !== undefined);
  policy(
    'dead_letters',
    'dead letters',
    {
      conditionThreshold: {
        filter: ofSubscriptions(
          'dead_letter_message_count',
          withDeadLetter.map(([name]) => name),
        ),
        comparison: 'COMPARISON_GT',
        thresholdValue: 0,
        duration: '0s',
        aggregations: [{ alignmentPeriod: MINUTES_5, perSeriesAligner: 'ALIGN_DELTA' }],
      },
    },
    'Messages failed as often as their subscription allows. Their tasks say why: `GET /tasks?status=dead`.',
  );
  policy(
    'unacked',
    'oldest unacknowledged message',
    {
      conditionThreshold: {
        filter: ofSubscriptions('oldest_unacked_message_age', Object.keys(topology.subscriptions)),
        comparison: 'COMPARISON_GT',
        thresholdValue: alerts.unackedSeconds,
        duration: '0s',
        aggregations: [{ alignmentPeriod: '60s', perSeriesAligner: 'ALIGN_MAX' }],
      },
    },
    `A message has waited for more than ${alerts.unackedSeconds} s: its function fails or cannot be reached.`,
  );
  const perFunction = {
    alignmentPeriod: MINUTES_5,
    perSeriesAligner: 'ALIGN_DELTA',
    crossSeriesReducer: 'REDUCE_SUM',
    groupByFields: ['resource.label.service_name'],
  };
  const services = Object.keys(topology.functions);
  policy(
    'errors',
    'error ratio',
    {
      conditionThreshold: {
        filter: `${ofServices(REQUESTS, services)} AND metric.labels.response_code_class="5xx"`,
        denominatorFilter: ofServices(REQUESTS, services),
        comparison: 'COMPARISON_GT',
        thresholdValue: alerts.errorRatio,
        duration: '0s',
        aggregations: [perFunction],
        denominatorAggregations: [perFunction],
      },
    },
    `More than ${alerts.errorRatio * 100} % of a function’s requests in five minutes were answered with 5xx.`,
  );
  for (const [name, row] of rows(topology.schedules)) {
    policy(
      `silent_${name}`,
      `${row.function} is silent`,
      {
        conditionAbsent: {
          filter: `${ofServices(REQUESTS, [row.function])} AND metric.labels.response_code_class="2xx"`,
          duration: `${row.silentSeconds}s`,
          aggregations: [{ alignmentPeriod: '60s', perSeriesAligner: 'ALIGN_DELTA', crossSeriesReducer: 'REDUCE_SUM' }],
        },
      },
      `The schedule ${name} has not succeeded for ${row.silentSeconds} s: what is lost on the way is not found again.`,
    );
  }
}

/** Google sends the mail to the channels and to the billing account's administrators; it stops nothing. */
function limitSpending(
  { stack, environment, settings, topology }: Context,
  channels: readonly MonitoringNotificationChannel[],
): void {
  const budget = settings.monthlyBudget;
  if (budget === undefined) return;
  new BillingBudget(stack, 'monthly_budget', {
    billingAccount: budget.billingAccount,
    displayName: `Heliograph ${environment}`,
    budgetFilter: { projects: [`projects/${settings.projectNumber}`] },
    amount: { specifiedAmount: { currencyCode: budget.currency, units: String(budget.amount) } },
    thresholdRules: [{ thresholdPercent: topology.alerts.spentShare }, { thresholdPercent: 1 }],
    ...(channels.length > 0 && {
      allUpdatesRule: { monitoringNotificationChannels: channels.slice(0, 5).map(({ name }) => name) },
    }),
  });
}
