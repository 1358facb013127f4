/** Filters of Cloud Monitoring. Source: "Google Cloud metrics", Pub/Sub and Cloud Run. */

export const REQUESTS = 'request_count';

/** A metric of these subscriptions. */
export function ofSubscriptions(metric: string, names: readonly string[]): string {
  const type = `metric.type="pubsub.googleapis.com/subscription/${metric}"`;
  return `resource.type="pubsub_subscription" AND ${type} AND resource.labels.subscription_id=${oneOf(names)}`;
}

/** A metric of the services of these functions. */
export function ofServices(metric: string, names: readonly string[]): string {
  const services = oneOf(names.map((name) => `heliograph-${name}`));
  return `resource.type="cloud_run_revision" AND metric.type="run.googleapis.com/${metric}" AND resource.labels.service_name=${services}`;
}

function oneOf(values: readonly string[]): string {
  return `one_of(${values.map((value) => JSON.stringify(value)).join(',')})`;
}
