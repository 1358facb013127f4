/** The topology, as one Google Cloud project. */

import { mkdirSync } from 'node:fs';
import { GoogleProvider } from '@cdktf/provider-google/lib/provider/index.js';
import { App, GcsBackend, TerraformOutput, TerraformStack } from 'cdktf';
import { functionUrl } from '../functions/core/addresses.ts';
import type { Topology } from '../functions/topology.ts';
import { grantRoles, makeAccounts } from './accounts.ts';
import { makeAlerts } from './alerts.ts';
import { enableApis } from './apis.ts';
import { makeBalancer } from './balancer.ts';
import { makeBuckets } from './buckets.ts';
import { type Context, namingOf, rows } from './context.ts';
import { makeDashboard } from './dashboard.ts';
import { makeDatabases } from './databases.ts';
import { makeFunctions } from './functions.ts';
import { makeSubscriptions, makeTopics } from './messaging.ts';
import { makeSchedules } from './schedules.ts';
import { makeSecrets } from './secrets.ts';
import type { EnvironmentSettings } from './settings.ts';

export interface StackOptions {
  readonly environment: string;
  readonly settings: EnvironmentSettings;
  readonly topology: Topology;
}

/** Synthesizes the stack of one environment into `outdir`; the result is the folder that Terraform runs in. */
export function synthesize({ outdir, ...options }: StackOptions & { readonly outdir: string }): string {
  mkdirSync(outdir, { recursive: true });
  const app = new App({ outdir });
  buildStack(app, options);
  app.synth();
  return `${outdir}/stacks/${options.environment}`;
}

function buildStack(app: App, { environment, settings, topology }: StackOptions): void {
  const stack = new TerraformStack(app, environment);
  const context: Context = { stack, environment, settings, topology, naming: namingOf(settings, topology) };
  new GcsBackend(stack, { bucket: settings.stateBucket, prefix: `heliograph/${environment}` });
  new GoogleProvider(stack, 'google', {
    project: settings.project,
    region: settings.region,
    defaultLabels: { application: 'heliograph', environment },
    // Billing's API wants to know which project to count its calls to.
    billingProject: settings.project,
    userProjectOverride: true,
  });

  const accounts = makeAccounts(context);
  const topics = makeTopics(context);
  const databases = makeDatabases(context);
  const buckets = makeBuckets(context);
  const { secrets, versions } = makeSecrets(context);
  grantRoles(context, accounts, { databases, topics, buckets, secrets });
  makeSubscriptions(context, topics, accounts.push);
  const functions = makeFunctions(context, accounts, versions);
  makeSchedules(context, accounts.push);
  makeAlerts(context, functions);
  makeDashboard(context);
  makeBalancer(context, functions);
  for (const [name, { access }] of rows(topology.functions)) {
    if (access === 'front') new TerraformOutput(stack, `url_${name}`, { value: functionUrl(context.naming, name) });
  }
  enableApis(context);
}
