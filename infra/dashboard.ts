import { MonitoringDashboard } from '@cdktf/provider-google/lib/monitoring-dashboard/index.js';
import type { Context } from './context.ts';
import { ofServices, ofSubscriptions, REQUESTS } from './metrics.ts';

const COLUMNS = 48;
const WIDTH = 24;
const HEIGHT = 16;

/** Makes one page: what waits, what fails, how fast and on how much. */
export function makeDashboard({ stack, environment, topology }: Context): void {
  const subscriptions = Object.keys(topology.subscriptions);
  const functions = Object.keys(topology.functions);
  const service = 'resource.label.service_name';
  const subscription = 'resource.label.subscription_id';
  const charts = [
    chart('Messages waiting', ofSubscriptions('num_undelivered_messages', subscriptions), 'ALIGN_MAX', subscription),
    chart(
      'Oldest unacknowledged message, s',
      ofSubscriptions('oldest_unacked_message_age', subscriptions),
      'ALIGN_MAX',
      subscription,
    ),
    chart('Pushes, 1/s', ofSubscriptions('push_request_count', subscriptions), 'ALIGN_RATE', subscription),
    chart('Dead letters, 1/s', ofSubscriptions('dead_letter_message_count', subscriptions), 'ALIGN_RATE', subscription),
    chart('Requests, 1/s', ofServices(REQUESTS, functions), 'ALIGN_RATE', service),
    chart(
      'Server errors, 1/s',
      `${ofServices(REQUESTS, functions)} AND metric.labels.response_code_class="5xx"`,
      'ALIGN_RATE',
      service,
    ),
    chart('Latency, 95th percentile, ms', ofServices('request_latencies', functions), 'ALIGN_PERCENTILE_95', service, 'REDUCE_MAX'),
    chart('Instances', ofServices('container/instance_count', functions), 'ALIGN_MAX', service),
  ];
  const tiles = charts.map((widget, index) => {
    const xPos = (index * WIDTH) % COLUMNS;
    const yPos = Math.floor((index * WIDTH) / COLUMNS) * HEIGHT;
    // Google gives no zero back, so that one sent would be missed at every plan.
    return { ...(xPos > 0 && { xPos }), ...(yPos > 0 && { yPos }), width: WIDTH, height: HEIGHT, widget };
  });
  new MonitoringDashboard(stack, 'dashboard', {
    dashboardJson: JSON.stringify({ displayName: `Heliograph ${environment}`, mosaicLayout: { columns: COLUMNS, tiles } }),
  });
}

function chart(title: string, filter: string, perSeriesAligner: string, groupBy: string, crossSeriesReducer = 'REDUCE_SUM') {
  const aggregation = { alignmentPeriod: '60s', perSeriesAligner, crossSeriesReducer, groupByFields: [groupBy] };
  return {
    title,
    xyChart: { dataSets: [{ plotType: 'LINE', timeSeriesQuery: { timeSeriesFilter: { filter, aggregation } } }] },
  };
}
