/** Names made from names: the URL, the service account and the push audience of each function. Nothing has to be looked up. */

import { topology } from '../topology.ts';
import type { Settings } from './settings.ts';

/** The settings that names are made of. */
export type Naming = Pick<Settings, 'project' | 'projectNumber' | 'region' | 'functionUrls'> & {
  readonly oidc: Pick<Settings['oidc'], 'pushAudience' | 'resultsAudience'>;
};

/** The function's own base URL, without a trailing slash: the deterministic Cloud Run URL unless the settings name another. */
export function functionUrl(settings: Naming, name: string): string {
  const url = settings.functionUrls[name] ?? `https://heliograph-${name}-${settings.projectNumber}.${settings.region}.run.app`;
  return url.replace(/\/$/, '');
}

/** The e-mail address of the service account of a function, or of the push account. */
export function accountEmail(settings: Naming, name: string): string {
  return `heliograph-${name}@${settings.project}.iam.gserviceaccount.com`;
}

/** The globally unique name of a bucket. */
export function bucketName(settings: Pick<Naming, 'project'>, name: string): string {
  return `${settings.project}-heliograph-${name}`;
}

/** The name of a secret in Secret Manager. */
export function secretName(name: string): string {
  return `heliograph-${name}`;
}

/** The account whose tokens Pub/Sub and the scheduler present. */
export function pushAccountEmail(settings: Naming): string {
  return accountEmail(settings, topology.pushAccount);
}

/**
 * The audience of the tokens that a function expects on a path: its own URL, as Cloud Run's own check wants it, unless the
 * settings name another for the push path (`PUBSUB_AUDIENCE`, `RESULTS_PUBSUB_AUDIENCE`).
 */
export function pushAudience(settings: Naming, functionName: string, path: string): string {
  if (functionName === 'agent-light' && path === '/pubsub/push' && settings.oidc.pushAudience) return settings.oidc.pushAudience;
  if (functionName === 'results' && settings.oidc.resultsAudience) return settings.oidc.resultsAudience;
  return functionUrl(settings, functionName);
}
