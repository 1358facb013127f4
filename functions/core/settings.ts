/**
 * The configuration: one schema, read once, injected. Flag over environment over file over default.
 *
 * Every setting has a path (`times.resultGraceMs`), an environment variable made from it (`ORCHESTRATOR_TIMES_RESULT_GRACE_MS`)
 * and, where the field has a customary name for it, that one too (`GCP_PROJECT`). The environment is a parameter.
 */

import { delimiter, isAbsolute } from 'node:path';
import * as z from 'zod';
import { parseBucketPath } from './bucket-path.ts';
import { Problem } from './errors.ts';
import { fieldIssues } from './field-issues.ts';
import { intentRow, mcpServerRow, sshHostRow } from './intents/intent-settings.ts';
import { suggestion } from './suggestion.ts';

const milliseconds = z.coerce.number().int().min(1);
const flag = z.union([z.boolean(), z.stringbool({ truthy: ['true', '1', 'yes', 'on'], falsy: ['false', '0', 'no', 'off'] })]);
const cents = z.coerce.number().min(0);
const jsonText = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value, context) => {
    if (typeof value !== 'string') return value;
    try {
      return JSON.parse(value);
    } catch {
      context.addIssue({ code: 'custom', message: 'is not JSON' });
      return z.NEVER;
    }
  }, schema);

/** An agent that answers HTTP, named by the operator: agent-light claims its tasks and relays them. */
const agentRow = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, 'is lower-case letters, digits and hyphens, starting with a letter'),
  endpoint: z.url({ protocol: /^https?$/ }),
  priceCents: cents,
  timeLimitSeconds: z.number().positive().max(540).default(540),
  /** The service account whose ID tokens the agent presents when it calls back. */
  email: z.email().optional(),
});

/** A caller that proves itself with a Google-signed ID token. */
const clientRow = z.strictObject({
  email: z.email(),
  tenant: z.string().min(1).max(100).optional(),
  scopes: z.array(z.enum(['dispatch', 'read', 'admin', 'dangerous'])).min(1),
});

/** As in PATH; the colon of `gs://` is none that divides. */
const dividers = new RegExp(`(?<!(?:^|${delimiter})gs)${delimiter}`);

/** JSON, or as in PATH. */
const projectRoots = z.preprocess(
  (value) => (typeof value === 'string' && !value.trim().startsWith('[') ? value.split(dividers).filter(Boolean) : value),
  jsonText(
    z.array(
      z.string().refine((root) => isAbsolute(root) || parseBucketPath(root) !== undefined, 'is no absolute path, nor gs://bucket'),
    ),
  ),
);

const schema = z.strictObject({
  runtime: z.enum(['embedded', 'emulators', 'cloud']).default('cloud'),
  project: z
    .string()
    .regex(/^[a-z][a-z0-9-]{4,28}[a-z0-9]$/, 'is no Google Cloud project id')
    .default('heliograph-local'),
  projectNumber: z.string().regex(/^\d+$/, 'is a number').default('0'),
  region: z.string().default('us-central1'),
  /** Base URLs by function name, where they differ from the deterministic ones of Cloud Run. */
  functionUrls: jsonText(z.record(z.string(), z.url())).default({}),
  dataDir: z.string().min(1).default('.heliograph'),
  /** The folders, and places in buckets (`gs://bucket/prefix`), that may hold projects. In the cloud there are no folders. */
  projectRoots: projectRoots.default([]),
  /** What local secrets are encrypted with; without it a key file beside them. */
  masterKey: z.string().min(16).optional(),
  port: z.coerce.number().int().min(0).max(65_535).default(8081),
  logLevel: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
  /** `required`: every call needs an API key or ID token. `open`: none does; loopback in local runtimes only. */
  auth: z.enum(['required', 'open']).default('required'),
  clients: jsonText(z.array(clientRow)).default([]),
  agents: jsonText(z.array(agentRow)).default([]),
  /** What `/orchestrate` can be asked for beside the tools, and what those may reach. */
  intents: jsonText(z.array(intentRow)).default([]),
  mcpServers: jsonText(z.array(mcpServerRow)).default([]),
  sshHosts: jsonText(z.array(sshHostRow)).default([]),
  /** The folders that `fs.list`, `fs.read` and `fs.head` may look into. */
  toolRoots: jsonText(z.array(z.string().refine((root) => isAbsolute(root), 'is no absolute path'))).default([]),
  /** The dangerous intents that may run; without it none does, however it is confirmed. */
  dangerousIntents: jsonText(z.array(z.string())).default([]),
  /** Whether operators' own addresses and callbacks may be on loopback. Refused in the cloud. */
  allowLoopback: flag.default(false),
  oidc: z
    .strictObject({
      issuer: z.string().default('https://accounts.google.com'),
      jwksUrl: z.url().default('https://www.googleapis.com/oauth2/v3/certs'),
      verifyPush: flag.default(true),
      verifyResults: flag.default(true),
      pushAudience: z.string().optional(),
      resultsAudience: z.string().optional(),
      /** Cloud only: IAM admits none but the callers of this function, and takes the signature off their tokens. */
      behindIam: flag.default(false),
    })
    .prefault({}),
  topics: z.strictObject({ tasks: z.string().default('tasks'), results: z.string().default('results') }).prefault({}),
  agentCostPerRunCents: cents.default(5),
  limits: z
    .strictObject({
      /** A larger payload or result travels as a reference to object storage. */
      inlineBytes: z.coerce.number().int().min(1024).max(262_144).default(262_144),
      maxBytes: z.coerce.number().int().max(31_457_280).default(31_457_280),
      /** Of the same credentials, by each instance of a function; what is above is answered with 429. */
      requestsPerMinute: z.coerce.number().int().min(1).default(60_000),
      deliveryConcurrency: z.coerce.number().int().min(1).max(1000).default(64),
      /** Sessions with one MCP server, each a process where it is a command: per instance. */
      mcpSessions: z.coerce.number().int().min(1).max(100).default(4),
      /** Of a project whose imports are mapped: its source files, their bytes together, and those of one, above which it is left out. */
      mapFiles: z.coerce.number().int().min(1).max(100_000).default(20_000),
      mapBytes: z.coerce.number().int().min(1).default(268_435_456),
      mapFileBytes: z.coerce.number().int().min(1).max(8_388_608).default(1_048_576),
    })
    .prefault({}),
  /** Which backups of a project are kept, where it has no rule of its own. */
  retention: z
    .strictObject({
      last: z.coerce.number().int().min(1).max(10_000).default(30),
      daily: z.coerce.number().int().min(0).max(10_000).default(14),
      weekly: z.coerce.number().int().min(0).max(10_000).default(8),
    })
    .prefault({}),
  times: z
    .strictObject({
      /** A task that stays `queued` this long is published again; the wait doubles per task up to the maximum. */
      republishMs: milliseconds.default(30_000),
      republishMaximumMs: milliseconds.default(600_000),
      /** A lease is the attempt's time limit plus the margin, at most the maximum; renewed at two thirds of it. */
      leaseMarginMs: milliseconds.default(10_000),
      leaseMaximumMs: milliseconds.default(60_000),
      /** How long after its lease (or ttl) a running task's result is still waited for. */
      resultGraceMs: milliseconds.default(120_000),
      /** The pause before attempt 2; it doubles per attempt up to the maximum. Chance takes up to half of each. */
      retryMinimumMs: milliseconds.default(5_000),
      retryMaximumMs: milliseconds.default(300_000),
      /** How long `/dispatch` in http mode holds its answer. */
      httpWaitMs: milliseconds.default(30_000),
      /** How long `/orchestrate` holds its answer before it answers with the job. */
      orchestrateWaitMs: milliseconds.max(50_000).default(8_000),
      /** How long an MCP server has to start and greet, and to list its tools. */
      mcpStartMs: milliseconds.max(30_000).default(20_000),
      mcpListMs: milliseconds.max(20_000).default(10_000),
      /** How long a list of tools is good for, and a session with an MCP server is kept while nobody uses it. */
      mcpToolsMs: milliseconds.default(60_000),
      mcpIdleMs: milliseconds.default(60_000),
      runMaximumMs: milliseconds.max(540_000).default(540_000),
      /** How long a request waits for a backup or a rollback before it answers that it goes on. */
      backupWaitMs: milliseconds.max(50_000).default(8_000),
      /** After so long the rest of a backup goes to the next call; what comes after the last slice has what is left of 600 s. */
      backupSliceMs: milliseconds.max(540_000).default(240_000),
      /** Whoever works on a backup or a rollback says so again within this, and how far it is every so often. */
      backupLeaseMs: milliseconds.default(60_000),
      backupProgressMs: milliseconds.default(5_000),
      /** How long one call works on the map of a project's imports. */
      mapMs: milliseconds.max(50_000).default(30_000),
      waitingMaximumMs: milliseconds.default(300_000),
      /** How long one call works on what follows an end, before it leaves the rest to the sweeper. */
      followUpMs: milliseconds.default(5_000),
      /** How long an instance remembers a tenant's limits, so after how long a first limit binds. */
      limitsCacheMs: milliseconds.default(10_000),
      /** How long an instance remembers a registered agent, so after how long a changed one is called as it now is. */
      agentsCacheMs: milliseconds.default(30_000),
      /** How often an instance that serves a tenant looks what is switched off: less than the 10 s within which a stop acts. */
      switchesMs: milliseconds.max(9_000).default(8_000),
      /** How long an agent that keeps failing is left alone; doubled up to the maximum each time it has not got well by then. */
      circuitOpenMs: milliseconds.default(30_000),
      circuitMaximumMs: milliseconds.default(300_000),
      /** An allowance that was not filled for this long goes back to its budget. */
      allowanceIdleMs: milliseconds.default(60_000),
      retentionMs: milliseconds.default(30 * 86_400_000),
      /** How often the heads of the audit chains are sealed. */
      sealMs: milliseconds.default(3_600_000),
      /** How old a decision is before it is sealed: longer than a write with an earlier time may still be on its way. */
      sealLagMs: milliseconds.default(300_000),
      sweepMs: milliseconds.default(60_000),
      sweepRunMs: milliseconds.default(50_000),
      /** Local runtimes only: overrides of every subscription's backoff. */
      backoffMinimumMs: milliseconds.optional(),
      backoffMaximumMs: milliseconds.optional(),
    })
    .prefault({}),
});

/** All settings, validated. */
export type Settings = z.output<typeof schema>;
export type Environment = Readonly<Record<string, string | undefined>>;

/** Customary names, beside the ones made from the path. The first that is set counts; `ORCHESTRATOR_…` comes before them. */
const CUSTOMARY: Readonly<Record<string, string>> = {
  GCP_PROJECT: 'project',
  GOOGLE_CLOUD_PROJECT: 'project',
  PUBSUB_VERIFY_OIDC: 'oidc.verifyPush',
  PUBSUB_AUDIENCE: 'oidc.pushAudience',
  RESULTS_PUBSUB_VERIFY_OIDC: 'oidc.verifyResults',
  RESULTS_PUBSUB_AUDIENCE: 'oidc.resultsAudience',
  PUBSUB_TOPIC: 'topics.tasks',
  PUBSUB_TOPIC_ID: 'topics.tasks',
  RESULTS_TOPIC: 'topics.results',
  RESULTS_TOPIC_ID: 'topics.results',
  AGENT_COST_PER_RUN_CENTS: 'agentCostPerRunCents',
};

/**
 * Reads the settings. `flags` are by path and win; then the environment; then `file` (nested, as parsed from YAML or JSON).
 * Throws `Problem` `invalid_settings` that names each bad setting.
 */
export function readSettings(
  environment: Environment,
  flags: Readonly<Record<string, unknown>> = {},
  file: unknown = {},
): Settings {
  const merged = structuredClone(typeof file === 'object' && file !== null ? file : {}) as Record<string, unknown>;
  const paths = settingPaths(schema);
  const byVariable = new Map(paths.map((path) => [variableOf(path), path]));
  for (const [name, path] of Object.entries(CUSTOMARY).reverse()) if (environment[name]) assign(merged, path, environment[name]);
  for (const [name, value] of Object.entries(environment)) {
    if (!name.startsWith('ORCHESTRATOR_') || value === undefined || value === '') continue;
    const path = byVariable.get(name);
    if (path !== undefined) assign(merged, path, value);
  }
  for (const [path, value] of Object.entries(flags)) if (value !== undefined) assign(merged, path, value);
  const parsed = schema.safeParse(merged);
  if (!parsed.success) {
    const groups = paths.filter((path) => path.includes('.')).map((path) => path.split('.', 1)[0] as string);
    const fields = fieldIssues(parsed.error, 'is not a setting').map(({ field, code, message }) => {
      const known = code === 'unknown_field' ? suggestion(field, [...paths, ...groups]) : '';
      return { field: field || 'file', code, message: message + known };
    });
    const lines = fields.map(({ field, message }) => `${named(field, paths)} ${message}`);
    throw new Problem(422, 'invalid_settings', `These settings are not valid:\n  ${lines.join('\n  ')}`, { fields });
  }
  const settings = parsed.data;
  if (settings.runtime === 'cloud') refuseLocalSettings(settings);
  else if (settings.oidc.behindIam) {
    throw new Problem(422, 'invalid_settings', 'Only the cloud may set oidc.behindIam: no IAM stands before a local function.');
  }
  return settings;
}

/** What the environment says of settings that there are not: a misspelt one would be ignored without a word. One line each. */
export function unknownVariables(environment: Environment): string[] {
  const names = [...settingPaths(schema).map(variableOf), ...OTHER_VARIABLES];
  return Object.keys(environment)
    .filter((name) => name.startsWith('ORCHESTRATOR_') && environment[name] && !names.includes(name))
    .map((name) => `${name} is not a setting, and ignored${suggestion(name, names)}`);
}

/** Read by the demo, as a client. */
const OTHER_VARIABLES = ['ORCHESTRATOR_URL', 'ORCHESTRATOR_API_KEY'];

/** A field with the variable that sets it or what it is part of, where there is one. */
function named(field: string, paths: readonly string[]): string {
  const path = paths.find((one) => field === one || field.startsWith(`${one}.`));
  return path === undefined ? field : `${field} (${variableOf(path)})`;
}

/** What makes a local run convenient would make a deployed one unsafe. */
function refuseLocalSettings(settings: Settings): void {
  const refused = [
    settings.auth === 'open' && 'auth (open)',
    settings.allowLoopback && 'allowLoopback',
    settings.projectRoots.some(isAbsolute) && 'projectRoots (folders)',
    settings.toolRoots.length > 0 && 'toolRoots',
    !settings.oidc.verifyPush && 'oidc.verifyPush (off)',
    !settings.oidc.verifyResults && 'oidc.verifyResults (off)',
  ].filter((name) => name !== false);
  if (refused.length > 0) throw new Problem(422, 'invalid_settings', `Only local runtimes may set ${refused.join(', ')}.`);
}

/** `times.resultGraceMs` → `ORCHESTRATOR_TIMES_RESULT_GRACE_MS`. */
export function variableOf(path: string): string {
  return `ORCHESTRATOR_${path
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .replaceAll('.', '_')
    .toUpperCase()}`;
}

/** The settings as environment variables, for a process that is started with them. */
export function toEnvironment(settings: Settings): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const path of settingPaths(schema)) {
    const value = path
      .split('.')
      .reduce<unknown>((object, key) => (object as Record<string, unknown> | undefined)?.[key], settings);
    if (value !== undefined) environment[variableOf(path)] = typeof value === 'object' ? JSON.stringify(value) : String(value);
  }
  return environment;
}

function settingPaths(object: z.ZodObject, prefix = ''): string[] {
  return Object.entries(object.shape).flatMap(([key, value]) => {
    const inner = value instanceof z.ZodPrefault ? value.unwrap() : value;
    return inner instanceof z.ZodObject ? settingPaths(inner, `${prefix}${key}.`) : [`${prefix}${key}`];
  });
}

function assign(target: Record<string, unknown>, path: string, value: unknown): void {
  const keys = path.split('.');
  const last = keys.pop() as string;
  let object = target;
  for (const key of keys) {
    const inner = object[key];
    object[key] = typeof inner === 'object' && inner !== null ? inner : {};
    object = object[key] as Record<string, unknown>;
  }
  object[last] = value;
}
