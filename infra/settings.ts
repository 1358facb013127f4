/** The settings of the environments that are deployed, checked before anything is made of them. */

import { z } from 'zod';
import { bucketName } from '../functions/core/addresses.ts';
import { parseBucketPath } from '../functions/core/bucket-path.ts';
import type { Topology } from '../functions/topology.ts';
import { REGIONS } from './regions.ts';

const members = z.array(
  z.string().regex(/^(user|group|serviceAccount|domain):\S+$/, 'is no user:, group:, serviceAccount: or domain:'),
);

const NUMBER = /^[1-9]\d{5,}$/;

const environmentSchema = (topology: Topology) => {
  const functions = Object.keys(topology.functions);
  return z.strictObject({
    project: z.string().regex(/^[a-z][a-z0-9-]{4,28}[a-z0-9]$/, 'is no Google Cloud project id'),
    /** Push URLs and their audiences are made of it: without it no audience. */
    projectNumber: z
      .string({ error: 'is missing, or no text: the audience of every push is made of it, so quote the number' })
      .regex(NUMBER, 'is no project number: the audience of every push is made of it'),
    region: z.enum(REGIONS, { error: ({ input }) => `'${input}' is no region that runs functions` }),
    /** The databases' own, as `eur3` or `nam5`; the region by default. It can never be changed. */
    databaseLocation: z.enum(['eur3', 'nam5', 'nam7', ...REGIONS]).optional(),
    /** Holds Terraform's state; made before the first deployment. */
    stateBucket: z.string().regex(/^[a-z0-9][a-z0-9_.-]{1,61}[a-z0-9]$/, 'is no bucket name'),
    /** Where that bucket is in another project: anybody may have taken its name. */
    stateBucketProjectNumber: z.string({ error: 'is no text: quote the number' }).regex(NUMBER, 'is no project number').optional(),
    /**
     * Front functions that everybody may call, or `all` of them; they authenticate in code. The others admit `callers` alone, who send their token
     * to Cloud Run as `X-Serverless-Authorization`: the customary header, or an API key, then reaches the function as it is.
     */
    publicFunctions: z.preprocess(
      (given) => (given === 'all' ? fronts(topology) : given),
      z.array(z.enum(fronts(topology), { error: `is no front function (${fronts(topology).join(', ')})` })).default([]),
    ),
    callers: members.default([]),
    /**
     * Of each function at most, where its row would allow more: Cloud Run refuses a function that could use more processors than
     * the region's quota has, and a new project's has 20 of them. Source: Cloud Run, "Quotas and limits".
     */
    maximumInstances: z.number().int().min(1).max(1000).default(20),
    /** Instances that are kept warm; the others scale to zero. */
    minimumInstances: z.partialRecord(z.enum(functions), z.number().int().min(1).max(100)).default({}),
    /** Of the databases' daily backups, beside seven days of point-in-time recovery. */
    backupRetentionDays: z.number().int().min(1, 'is at least a day').max(98, 'is at most 98 days').default(14),
    /** Who is told of trouble. The alerts are made where there is somebody, and billed then. */
    alertEmails: z.array(z.email()).default([]),
    monthlyBudget: z
      .strictObject({
        billingAccount: z.string().regex(/^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$/, 'is no billing account id'),
        amount: z.number().int().min(1),
        currency: z.string().regex(/^[A-Z]{3}$/),
      })
      .optional(),
    /** One HTTPS address in front of the front functions. */
    balancer: z
      .strictObject({
        domain: z.hostname().regex(/\./, 'is no domain'),
        /** Of one client address; more is answered 429. */
        requestsPerMinute: z.number().int().min(1).max(100_000).default(600),
      })
      .optional(),
    /**
     * The buckets, or places in them, that hold projects: `gs://bucket/prefix`. They are yours: made elsewhere, in any project. Versions or
     * soft deletion are worth having, and no retention, which would forbid a rollback.
     */
    projectBuckets: z
      .array(z.string().refine((path) => parseBucketPath(path) !== undefined, 'is no gs://bucket or gs://bucket/prefix'))
      .default([]),
    /** Variables of the functions: customary ones go to the functions that read them, `ORCHESTRATOR_…` to all. No secrets. */
    variables: z.record(z.enum(variableNames(topology)).or(z.string().regex(/^ORCHESTRATOR_[A-Z_]+$/)), z.string()).default({}),
  });
};

/** One environment: one Google Cloud project. */
export type EnvironmentSettings = z.output<ReturnType<typeof environmentSchema>>;

/** What the stack sets itself. */
const OWN_VARIABLES = ['RUNTIME', 'PROJECT', 'PROJECT_NUMBER', 'REGION', 'FUNCTION_URLS', 'OIDC_BEHIND_IAM', 'PROJECT_ROOTS'].map(
  (name) => `ORCHESTRATOR_${name}`,
);

/**
 * One environment of what a settings file holds. Throws an `Error` that names every bad field, whichever environment it belongs to.
 */
export function parseEnvironment(content: unknown, environment: string, topology: Topology): EnvironmentSettings {
  const schema = z.strictObject({ environments: z.record(z.enum(['dev', 'prod']), environmentSchema(topology).optional()) });
  const parsed = schema.safeParse(content, { reportInput: true });
  if (!parsed.success) throw refusal(parsed.error.issues.map(lineOf));
  const { environments } = parsed.data;
  const named = Object.entries(environments).flatMap(([name, settings]) => (settings === undefined ? [] : [{ name, settings }]));
  const problems = named.flatMap(({ name, settings }) =>
    Object.keys(settings.variables)
      .filter((variable) => OWN_VARIABLES.includes(variable))
      .map((variable) => `environments.${name}.variables.${variable}: is set from the other settings`),
  );
  for (const { name, settings } of named) {
    for (const [index, path] of settings.projectBuckets.entries()) {
      const bucket = parseBucketPath(path)?.bucket ?? '';
      const isOwn = bucket === settings.stateBucket || bucket.startsWith(bucketName(settings, ''));
      if (isOwn) problems.push(`environments.${name}.projectBuckets.${index}: is a bucket of Heliograph's own`);
    }
  }
  problems.push(...named.flatMap(({ name, settings }) => carriedOut(settings, `environments.${name}`)));
  for (const { name, settings } of named) {
    const closed = fronts(topology).filter((front) => !settings.publicFunctions.includes(front));
    // Cloud Run's IAM takes tokens for the function's own address only, and behind a balancer the functions use another.
    if (settings.balancer && closed.length > 0)
      problems.push(`environments.${name}.balancer: needs ${closed.join(', ')} to be public`);
  }
  for (const { name, settings } of named) {
    for (const [warm, count] of Object.entries(settings.minimumInstances)) {
      const most = Math.min(settings.maximumInstances, topology.functions[warm]?.maximumInstances ?? 0);
      if (count !== undefined && count > most)
        problems.push(`environments.${name}.minimumInstances.${warm}: is at most ${most}, as many as there may be`);
    }
  }
  const projects = named.map(({ settings }) => settings.project);
  // Names carry no environment, so two in one project would be the same resources.
  if (new Set(projects).size < projects.length) problems.push('environments: each needs a project of its own');
  const chosen = named.find(({ name }) => name === environment);
  if (chosen === undefined) {
    const known = ['dev', 'prod'].includes(environment);
    problems.push(`environments.${environment}: is missing${known ? '' : ', and could not be there: it is dev or prod'}`);
  }
  if (problems.length > 0 || chosen === undefined) throw refusal(problems);
  return chosen.settings;
}

/** Terraform reads every text as a template: one could have it put a file of whoever deploys into a function's variables. */
function carriedOut(value: unknown, at: string): string[] {
  if (typeof value === 'string') return /[$%]\{/.test(value) ? [`${at}: has \${ or %{, which Terraform would carry out`] : [];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => carriedOut(inner, `${at}.${name}`));
}

function fronts({ functions }: Topology): string[] {
  return Object.keys(functions).filter((name) => functions[name]?.access === 'front');
}

function variableNames(topology: Topology): string[] {
  return [...new Set(Object.values(topology.functions).flatMap(({ environment }) => environment))];
}

function lineOf(issue: z.core.$ZodIssue): string {
  const at = issue.path.join('.') || 'the file';
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => `${[...issue.path, key].join('.')}: is not a setting`).join('\n  ');
  if (issue.code === 'invalid_key') return `${at}: is not a setting`;
  if (issue.code === 'invalid_type' && (issue.input ?? null) === null && issue.message.startsWith('Invalid'))
    return `${at}: is ${issue.input === undefined ? 'missing' : 'empty'}`;
  return `${at}: ${issue.message}`;
}

function refusal(lines: readonly string[]): Error {
  return new Error(`These settings are not valid:\n  ${lines.join('\n  ')}`);
}
