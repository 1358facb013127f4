/**
 * The keystone: everything that exists in a running Heliograph, as one pure table.
 *
 * `infra/` turns these rows into Google Cloud resources, `emulator-bridge/` creates and drives the same rows locally, and the
 * functions read their own names from here. Adding a function is one row here, one folder beside this file, and one test.
 * This file imports nothing, so that anything may import it.
 */

/** A Pub/Sub topic. `deadLetterFor` names the topic whose undeliverable messages arrive here. */
export interface TopicRow {
  readonly deadLetterFor?: string;
}

/** A push subscription: which messages of `topic` are POSTed, and how failure is paced. */
export interface DeliveryRow {
  readonly topic: string;
  /** Pub/Sub filter expression. It cannot be changed after creation. */
  readonly filter?: string;
  /** Also the time limit of one push request. */
  readonly ackDeadlineSeconds: number;
  readonly retentionSeconds: number;
  readonly backoffSeconds: { readonly minimum: number; readonly maximum: number };
  /** Absent on dead-letter subscriptions alone: nothing comes after them. */
  readonly deadLetter?: { readonly topic: string; readonly maxDeliveryAttempts: number };
}

/** One that is POSTed to `path` of a function. */
export interface SubscriptionRow extends DeliveryRow {
  readonly function: string;
  readonly path: string;
}

/** One that is made at run time, for a registered agent: POSTed to its `endpoint` with a token of `email` for the `audience`. */
export interface AgentSubscriptionRow extends DeliveryRow {
  readonly endpoint: string;
  readonly email: string;
  readonly audience: string;
}

/** One deployed function: one identity with only the roles that it needs. */
export interface FunctionRow {
  /** Path prefixes that the one address of everything sends here; the other functions are called at their own. */
  readonly routes: readonly string[];
  /** `front` functions are publicly invocable and authenticate in code; `push` functions admit only Google-signed callers. */
  readonly access: 'front' | 'push';
  readonly roles: readonly Role[];
  readonly memoryMiB: number;
  readonly concurrency: number;
  readonly timeoutSeconds: number;
  /** Bounds what a flood can cost. */
  readonly maximumInstances: number;
  /** The customary variables that it reads, beside the project's and `ORCHESTRATOR_…`. */
  readonly environment: readonly string[];
}

/** What a function's service account may do, each on one named resource; `write` includes `read`. */
export type Role =
  | { readonly kind: 'database'; readonly database: DatabaseName; readonly access: 'read' | 'write' }
  | { readonly kind: 'publish'; readonly topic: string }
  /** Makes, changes and removes push subscriptions of the topic. */
  | { readonly kind: 'subscribe'; readonly topic: string }
  | { readonly kind: 'bucket'; readonly bucket: string; readonly access: 'read' | 'write' }
  /** What is in projects: in the cloud, in the buckets that an environment names for them. */
  | { readonly kind: 'projects'; readonly access: 'read' | 'write' }
  | { readonly kind: 'secret'; readonly secret: string }
  | { readonly kind: 'invoke'; readonly function: string };

export type DatabaseName = 'tasks' | 'control';

/** A bucket. `lockedDays`: nobody can delete or replace an object before that, nor shorten it, not even its owner. */
export interface BucketRow {
  readonly deleteAfterDays?: number;
  readonly lockedDays?: number;
}

/** When somebody is told. */
export interface AlertRow {
  /** A message that waits longer is stuck: the longest backoff and some time to run. */
  readonly unackedSeconds: number;
  /** Of the requests of a function in five minutes, those that it answered with 5xx. */
  readonly errorRatio: number;
  /** Of the month's spending limit. */
  readonly spentShare: number;
}

/** A cron line, in UTC, and the path that is POSTed to with the push account's token. */
export interface ScheduleRow {
  readonly cron: string;
  readonly function: string;
  readonly path: string;
  /** When its function was not heard of for so long, somebody is told. */
  readonly silentSeconds: number;
}

/** A collection, with what the store must know of it. */
export interface CollectionRow {
  readonly database: DatabaseName;
  /** Milliseconds since the epoch in our documents; the store removes a document some time after it. */
  readonly ttlField?: string;
  /**
   * Fields that are exempt from the automatic single-field indexes: what is never queried, and every time, since the index of a
   * growing value takes about 500 writes a second. The composite indexes do not need them.
   *
   * Source: Firestore, "Sharded timestamps".
   */
  readonly unindexed: readonly string[];
  /** Composite indexes; every query of ours is served by one of them. The last field is the ordered one. */
  readonly indexes: readonly (readonly IndexField[])[];
}

export interface IndexField {
  readonly field: string;
  readonly order: 'asc' | 'desc';
}

export interface Topology {
  readonly topics: Readonly<Record<string, TopicRow>>;
  readonly subscriptions: Readonly<Record<string, SubscriptionRow>>;
  readonly functions: Readonly<Record<string, FunctionRow>>;
  readonly schedules: Readonly<Record<string, ScheduleRow>>;
  readonly buckets: Readonly<Record<string, BucketRow>>;
  /** How long what was deleted or replaced in a bucket can still be had back. */
  readonly bucketRecoveryDays: number;
  readonly secrets: readonly string[];
  readonly collections: Readonly<Record<string, CollectionRow>>;
  /** The account whose tokens Pub/Sub and the scheduler present. */
  readonly pushAccount: string;
  /** The same for what is pushed to registered agents: none of our functions admits it, so no agent is a way to one of them. */
  readonly agentPushAccount: string;
  /** The subscription of a registered agent, but for its filter and where it pushes to. */
  readonly agentSubscription: DeliveryRow;
  readonly alerts: AlertRow;
}

const DAY = 86_400;

/** The defaults of a subscription. */
const delivery = {
  ackDeadlineSeconds: 20,
  retentionSeconds: 7 * DAY,
  backoffSeconds: { minimum: 10, maximum: 600 },
} as const;

/** A run may take up to 540 s, and the ack deadline is the push request's time limit. */
const agentDelivery = { ...delivery, ackDeadlineSeconds: 600, retentionSeconds: 1200 } as const;

const asc = (field: string): IndexField => ({ field, order: 'asc' });
const desc = (field: string): IndexField => ({ field, order: 'desc' });

/** Lists are ordered by creation within a shard and merged: an index on time alone would cap writes at about 500 a second. */
const listIndex = (...equal: string[]): IndexField[] => [asc('shard'), asc('tenant'), ...equal.map(asc), desc('createdAt')];

const decidedIndex = (...equal: string[]): IndexField[] => [asc('tenant'), ...equal.map(asc), desc('at')];

export const topology: Topology = {
  pushAccount: 'push',
  agentPushAccount: 'push-agents',

  alerts: { unackedSeconds: 900, errorRatio: 0.05, spentShare: 0.8 },

  topics: {
    tasks: {},
    results: {},
    callbacks: {},
    backups: {},
    'dead-tasks': { deadLetterFor: 'tasks' },
    'dead-results': { deadLetterFor: 'results' },
    'dead-callbacks': { deadLetterFor: 'callbacks' },
    'dead-backups': { deadLetterFor: 'backups' },
  },

  subscriptions: {
    'sub-light': {
      ...agentDelivery,
      topic: 'tasks',
      function: 'agent-light',
      path: '/pubsub/push',
      filter: 'NOT attributes:direct',
      deadLetter: { topic: 'dead-tasks', maxDeliveryAttempts: 5 },
    },
    'sub-codex': {
      ...agentDelivery,
      topic: 'tasks',
      function: 'codex',
      path: '/pubsub/push',
      filter: 'attributes.agent="codex"',
      deadLetter: { topic: 'dead-tasks', maxDeliveryAttempts: 5 },
    },
    'sub-results': {
      ...delivery,
      topic: 'results',
      function: 'results',
      path: '/pubsub/results',
      deadLetter: { topic: 'dead-results', maxDeliveryAttempts: 5 },
    },
    'sub-callbacks': {
      ...delivery,
      topic: 'callbacks',
      function: 'callbacks',
      path: '/pubsub/callbacks',
      deadLetter: { topic: 'dead-callbacks', maxDeliveryAttempts: 20 },
    },
    'sub-backups': {
      ...delivery,
      // A slice of a backup, and the check of what it has stored.
      ackDeadlineSeconds: 600,
      topic: 'backups',
      function: 'backups',
      path: '/pubsub/backups',
      deadLetter: { topic: 'dead-backups', maxDeliveryAttempts: 5 },
    },
    'sub-dead-tasks': { ...delivery, topic: 'dead-tasks', function: 'dead-letters', path: '/pubsub/dead-tasks' },
    'sub-dead-results': { ...delivery, topic: 'dead-results', function: 'dead-letters', path: '/pubsub/dead-results' },
    'sub-dead-callbacks': { ...delivery, topic: 'dead-callbacks', function: 'dead-letters', path: '/pubsub/dead-callbacks' },
    'sub-dead-backups': { ...delivery, topic: 'dead-backups', function: 'dead-letters', path: '/pubsub/dead-backups' },
  },

  agentSubscription: {
    ...agentDelivery,
    topic: 'tasks',
    deadLetter: { topic: 'dead-tasks', maxDeliveryAttempts: 5 },
  },

  functions: {
    dispatch: {
      routes: [
        ...['/dispatch', '/submit-task', '/task', '/task-status', '/task-update', '/tasks', '/callbacks', '/budgets', '/costs'],
        ...['/mcp', '/orchestrate', '/jobs', '/api/v1/ssh'],
        ...['/openapi.json', '/openapi.actions.json', '/docs'],
      ],
      access: 'front',
      roles: [
        { kind: 'database', database: 'tasks', access: 'write' },
        { kind: 'database', database: 'control', access: 'read' },
        { kind: 'publish', topic: 'tasks' },
        { kind: 'publish', topic: 'results' },
        { kind: 'publish', topic: 'callbacks' },
        { kind: 'publish', topic: 'backups' },
        { kind: 'bucket', bucket: 'payloads', access: 'write' },
        { kind: 'secret', secret: 'signing-key' },
        { kind: 'secret', secret: 'webhook-keys' },
        { kind: 'invoke', function: 'agent-light' },
        { kind: 'invoke', function: 'codex' },
      ],
      memoryMiB: 512,
      concurrency: 80,
      timeoutSeconds: 60,
      maximumInstances: 100,
      environment: ['PUBSUB_TOPIC', 'PUBSUB_TOPIC_ID', 'RESULTS_TOPIC', 'RESULTS_TOPIC_ID', 'AGENT_COST_PER_RUN_CENTS'],
    },
    'agent-light': {
      routes: ['/run', '/pubsub/push'],
      access: 'push',
      roles: [
        { kind: 'database', database: 'tasks', access: 'write' },
        { kind: 'database', database: 'control', access: 'read' },
        { kind: 'publish', topic: 'tasks' },
        { kind: 'publish', topic: 'results' },
        { kind: 'publish', topic: 'callbacks' },
        { kind: 'publish', topic: 'backups' },
        { kind: 'bucket', bucket: 'payloads', access: 'write' },
        { kind: 'bucket', bucket: 'uploads', access: 'read' },
        { kind: 'secret', secret: 'signing-key' },
        { kind: 'secret', secret: 'ssh-keys' },
      ],
      memoryMiB: 512,
      concurrency: 40,
      timeoutSeconds: 600,
      maximumInstances: 100,
      environment: [
        ...['AGENT_COST_PER_RUN_CENTS', 'PUBSUB_VERIFY_OIDC', 'PUBSUB_AUDIENCE'],
        ...['PUBSUB_TOPIC', 'PUBSUB_TOPIC_ID', 'RESULTS_TOPIC', 'RESULTS_TOPIC_ID'],
      ],
    },
    /** The second example: an agent of a user's own, which reaches the store through `dispatch` alone. */
    codex: {
      routes: [],
      access: 'push',
      roles: [{ kind: 'invoke', function: 'dispatch' }],
      memoryMiB: 512,
      concurrency: 40,
      timeoutSeconds: 600,
      maximumInstances: 100,
      environment: ['AGENT_COST_PER_RUN_CENTS', 'PUBSUB_VERIFY_OIDC'],
    },
    results: {
      routes: ['/pubsub/results'],
      access: 'push',
      roles: [
        { kind: 'database', database: 'tasks', access: 'write' },
        { kind: 'database', database: 'control', access: 'read' },
        { kind: 'publish', topic: 'tasks' },
        { kind: 'publish', topic: 'callbacks' },
        { kind: 'publish', topic: 'backups' },
        { kind: 'bucket', bucket: 'payloads', access: 'write' },
        { kind: 'secret', secret: 'signing-key' },
      ],
      memoryMiB: 512,
      concurrency: 80,
      timeoutSeconds: 60,
      maximumInstances: 40,
      environment: ['PUBSUB_TOPIC', 'PUBSUB_TOPIC_ID', 'RESULTS_PUBSUB_VERIFY_OIDC', 'RESULTS_PUBSUB_AUDIENCE'],
    },
    'dead-letters': {
      routes: [],
      access: 'push',
      roles: [
        { kind: 'database', database: 'tasks', access: 'write' },
        { kind: 'database', database: 'control', access: 'read' },
        { kind: 'publish', topic: 'tasks' },
        { kind: 'publish', topic: 'callbacks' },
        { kind: 'publish', topic: 'backups' },
        { kind: 'bucket', bucket: 'payloads', access: 'write' },
        { kind: 'secret', secret: 'signing-key' },
      ],
      memoryMiB: 512,
      concurrency: 80,
      timeoutSeconds: 60,
      maximumInstances: 10,
      environment: ['PUBSUB_TOPIC', 'PUBSUB_TOPIC_ID', 'AGENT_COST_PER_RUN_CENTS', 'PUBSUB_VERIFY_OIDC'],
    },
    callbacks: {
      routes: [],
      access: 'push',
      roles: [
        { kind: 'database', database: 'tasks', access: 'write' },
        { kind: 'secret', secret: 'signing-key' },
        { kind: 'secret', secret: 'webhook-keys' },
      ],
      memoryMiB: 512,
      concurrency: 80,
      timeoutSeconds: 60,
      maximumInstances: 40,
      environment: ['PUBSUB_VERIFY_OIDC'],
    },
    /** Reads what it maps and compares, and asks `backups` for the rest. */
    projects: {
      routes: ['/submit-project', '/projects', '/rollback', '/rollbacks', '/dependency-map'],
      access: 'front',
      roles: [
        { kind: 'database', database: 'tasks', access: 'write' },
        // Not to write there: it parses what others have written.
        { kind: 'database', database: 'control', access: 'read' },
        { kind: 'publish', topic: 'backups' },
        { kind: 'bucket', bucket: 'backups', access: 'read' },
        { kind: 'projects', access: 'read' },
        { kind: 'secret', secret: 'signing-key' },
      ],
      memoryMiB: 1024,
      // The parsers keep a processor busy, and one text after the other in memory.
      concurrency: 8,
      timeoutSeconds: 60,
      maximumInstances: 10,
      environment: [],
    },
    /** Takes, verifies and restores backups, and records who decided it. Of what is in projects it interprets nothing. */
    backups: {
      routes: [],
      access: 'push',
      roles: [
        { kind: 'database', database: 'tasks', access: 'write' },
        { kind: 'database', database: 'control', access: 'write' },
        { kind: 'publish', topic: 'tasks' },
        { kind: 'publish', topic: 'callbacks' },
        { kind: 'publish', topic: 'backups' },
        { kind: 'bucket', bucket: 'backups', access: 'write' },
        // A large payload says which project is to be backed up.
        { kind: 'bucket', bucket: 'payloads', access: 'read' },
        { kind: 'projects', access: 'write' },
        { kind: 'secret', secret: 'signing-key' },
      ],
      memoryMiB: 1024,
      // A backup keeps a processor busy.
      concurrency: 2,
      timeoutSeconds: 600,
      maximumInstances: 20,
      environment: ['PUBSUB_TOPIC', 'PUBSUB_TOPIC_ID', 'PUBSUB_VERIFY_OIDC'],
    },
    control: {
      routes: [
        ...['/register-agent', '/agents', '/switches', '/pause', '/resume', '/emergency-stop'],
        ...['/policies', '/approvals', '/system-state', '/audit', '/intents'],
      ],
      access: 'front',
      roles: [
        { kind: 'database', database: 'control', access: 'write' },
        // What was approved or resumed goes on from here.
        { kind: 'database', database: 'tasks', access: 'write' },
        { kind: 'publish', topic: 'tasks' },
        { kind: 'publish', topic: 'callbacks' },
        { kind: 'publish', topic: 'backups' },
        { kind: 'subscribe', topic: 'tasks' },
        { kind: 'secret', secret: 'signing-key' },
      ],
      memoryMiB: 512,
      concurrency: 80,
      timeoutSeconds: 60,
      maximumInstances: 10,
      environment: ['AGENT_COST_PER_RUN_CENTS', 'PUBSUB_TOPIC', 'PUBSUB_TOPIC_ID'],
    },
    sweeper: {
      routes: [],
      access: 'push',
      roles: [
        { kind: 'database', database: 'tasks', access: 'write' },
        { kind: 'database', database: 'control', access: 'read' },
        { kind: 'bucket', bucket: 'seals', access: 'write' },
        { kind: 'publish', topic: 'tasks' },
        { kind: 'publish', topic: 'callbacks' },
        { kind: 'publish', topic: 'backups' },
        { kind: 'secret', secret: 'signing-key' },
      ],
      memoryMiB: 512,
      concurrency: 1,
      timeoutSeconds: 60,
      maximumInstances: 2,
      environment: ['PUBSUB_TOPIC', 'PUBSUB_TOPIC_ID', 'PUBSUB_VERIFY_OIDC'],
    },
  },

  schedules: {
    sweep: { cron: '* * * * *', function: 'sweeper', path: '/sweep', silentSeconds: 300 },
    'sweep-backups': { cron: '17 * * * *', function: 'backups', path: '/sweep-backups', silentSeconds: 10_800 },
  },

  buckets: {
    /** Payloads and results too large to travel; named by task. */
    payloads: { deleteAfterDays: 45 },
    /** Documents that users put there for their agents to read, under `<tenant>/`. */
    uploads: {},
    /** Manifests and the blobs they name; what no kept manifest names is swept. */
    backups: {},
    /** The seals of the audit chains, by day and time. */
    seals: { lockedDays: 400 },
  },

  bucketRecoveryDays: 7,

  secrets: ['signing-key', 'ssh-keys', 'webhook-keys'],

  collections: {
    tasks: {
      database: 'tasks',
      ttlField: 'expireAt',
      unindexed: [
        'state',
        'payload',
        'payloadRef',
        'result',
        'resultRef',
        'error',
        'lastError',
        'metadata',
        'timeline',
        'work',
        'dependencies',
        'leasedAt',
        'wakeAt',
        'sealAt',
        'createdAt',
        'expireAt',
      ],
      indexes: [
        [asc('shard'), asc('wakeAt')],
        [asc('shard'), asc('sealAt')],
        listIndex(),
        listIndex('status'),
        listIndex('agent'),
        listIndex('traceId'),
        listIndex('parentTaskId'),
        listIndex('status', 'agent'),
        listIndex('status', 'traceId'),
        listIndex('agent', 'traceId'),
        listIndex('status', 'agent', 'traceId'),
      ],
    },
    /** Who waits for whom: one for each dependency, as long as that has not ended. `rank` is the order of release. */
    dependents: {
      database: 'tasks',
      ttlField: 'expireAt',
      unindexed: ['dependent', 'rank', 'expireAt'],
      indexes: [[asc('dependency'), asc('rank')]],
    },
    /** What only so many may have at a time, as far as it is taken: slots of agents with a limit, locks of projects. */
    slots: {
      database: 'tasks',
      ttlField: 'expireAt',
      unindexed: ['resource', 'number', 'holder', 'life', 'takenAt', 'expireAt'],
      indexes: [[asc('resource'), asc('number')]],
    },
    /** The older half of a long timeline, moved out in the commit that appended to it. */
    timelines: {
      database: 'tasks',
      ttlField: 'expireAt',
      unindexed: ['entries', 'from', 'expireAt'],
      indexes: [[asc('taskId'), asc('from')]],
    },
    /** How far the audit chains are sealed. */
    sealing: { database: 'tasks', unindexed: ['state'], indexes: [] },
    /** What each tenant has set as its limits, and how far its costs are added up. */
    limits: {
      database: 'tasks',
      unindexed: ['scopes', 'tenant', 'openDay', 'nextCloseAt'],
      indexes: [[asc('shard'), asc('nextCloseAt')]],
    },
    /** What the tasks of a day cost, when they may be gone themselves. */
    'cost-days': { database: 'tasks', unindexed: ['tenant', 'day', 'agents', 'cursor'], indexes: [] },
    /** What is held and spent of a limit, by scope and day. */
    budgets: {
      database: 'tasks',
      ttlField: 'expireAt',
      unindexed: ['tenant', 'scope', 'day', 'limitMicros', 'mode', 'heldMicros', 'spentMicros', 'expireAt'],
      indexes: [],
    },
    /** What an instance may hold of a budget without asking it. */
    allowances: {
      database: 'tasks',
      unindexed: ['budget', 'tenant', 'freeMicros', 'grantedAt'],
      indexes: [[asc('shard'), asc('grantedAt')]],
    },
    /** What is backed up, and rolled back. */
    projects: {
      database: 'tasks',
      unindexed: ['projectPath', 'description', 'createdAt', 'updatedAt', 'by', 'retention', 'unrecorded'],
      indexes: [[asc('tenant'), desc('createdAt')]],
    },
    /** Backups, on their way (`open`) and as they ended; the way of a backup is written under a lease. */
    backups: {
      database: 'tasks',
      ttlField: 'expireAt',
      unindexed: [
        ...['projectPath', 'description', 'createdAt', 'finishedAt', 'by', 'taskId', 'progress', 'error', 'manifestHash'],
        ...['full', 'kind', 'worker', 'leasedAt', 'deadLetters', 'checked', 'checking', 'wakeAt', 'expireAt'],
      ],
      indexes: [
        [asc('open'), asc('wakeAt')],
        [asc('tenant'), desc('createdAt')],
        [asc('tenant'), asc('projectId'), desc('createdAt')],
        [asc('tenant'), asc('projectId'), asc('status'), desc('createdAt')],
      ],
    },
    /** Rollbacks, likewise. */
    rollbacks: {
      database: 'tasks',
      ttlField: 'expireAt',
      unindexed: [
        ...['projectPath', 'createdAt', 'finishedAt', 'by', 'error', 'safetyBackupId', 'outcome'],
        ...['worker', 'leasedAt', 'deadLetters', 'wakeAt', 'expireAt'],
      ],
      indexes: [
        [asc('open'), asc('wakeAt')],
        [asc('tenant'), asc('projectId'), desc('createdAt')],
      ],
    },
    /** Which backup was taken for which life of a task. */
    'task-backups': { database: 'tasks', ttlField: 'expireAt', unindexed: ['tenant', 'backupId', 'expireAt'], indexes: [] },
    /** Which job an idempotency key stands for, for 24 hours. */
    'job-keys': {
      database: 'tasks',
      ttlField: 'expireAt',
      unindexed: ['tenant', 'taskId', 'fingerprint', 'createdAt', 'expireAt'],
      indexes: [],
    },
    /** What `memory.write` keeps, until it is deleted. */
    memories: { database: 'tasks', unindexed: ['tenant', 'text', 'tags', 'metadata', 'shelf', 'createdAt'], indexes: [] },
    /** What is found in that by its words and tags: 32 to a tenant. */
    'memory-shelves': {
      database: 'tasks',
      unindexed: ['shelf', 'bytes', 'items', 'words'],
      indexes: [[asc('tenant'), asc('shelf')]],
    },
    /** How agents that failed repeatedly are let be, and how they came back. */
    circuits: {
      database: 'tasks',
      ttlField: 'expireAt',
      unindexed: ['tenant', 'agent', 'state', 'since', 'failures', 'openMs', 'until', 'expireAt'],
      indexes: [],
    },
    /** Messages that can never be processed, with the reason. */
    quarantine: {
      database: 'tasks',
      ttlField: 'expireAt',
      unindexed: ['data', 'attributes', 'reason', 'createdAt', 'expireAt'],
      indexes: [[asc('shard'), desc('createdAt')]],
    },
    keys: { database: 'control', unindexed: ['hash'], indexes: [] },
    /** The agents that tenants have registered. */
    agents: {
      database: 'control',
      unindexed: [
        ...['name', 'type', 'endpoint', 'result', 'priceMicros', 'timeLimitMs', 'concurrency', 'capabilities'],
        ...['createdAt', 'updatedAt', 'updatedBy', 'lastSeenAt'],
      ],
      indexes: [[asc('tenant'), desc('createdAt')]],
    },
    /** What `/orchestrate` can be asked for beside the tools: what tenants have set. */
    intents: {
      database: 'control',
      unindexed: [
        ...['name', 'mode', 'target', 'timeLimitMs', 'priceMicros', 'concurrency', 'dangerous', 'updatedAt', 'updatedBy'],
      ],
      indexes: [[asc('tenant'), desc('updatedAt')]],
    },
    /** What each tenant has switched off, paused and stopped, and what it wants to approve. */
    switches: { database: 'control', unindexed: ['tenant', 'switches', 'approvals'], indexes: [] },
    /** What somebody decided about a task that waited for it: one for each of its lives. */
    approvals: {
      database: 'control',
      ttlField: 'expireAt',
      unindexed: ['tenant', 'taskId', 'life', 'hash', 'decision', 'by', 'at', 'comment', 'expireAt'],
      indexes: [],
    },
    /**
     * Who decided what, about anything but a task: never removed, and where the chain of each entity stands. The lists of a tenant
     * are in the order of time without shards: people decide here, and no tenant's do so 500 times a second.
     */
    audit: {
      database: 'control',
      unindexed: ['at', 'event', 'tenant', 'entity', 'actor', 'detail', 'hash'],
      indexes: [
        [asc('shard'), asc('at')],
        decidedIndex(),
        decidedIndex('entity'),
        decidedIndex('actor'),
        decidedIndex('event'),
        decidedIndex('entity', 'actor'),
        decidedIndex('entity', 'event'),
        decidedIndex('actor', 'event'),
        decidedIndex('entity', 'actor', 'event'),
      ],
    },
    'audit-heads': {
      database: 'control',
      unindexed: ['tenant', 'entity', 'chain', 'requestId', 'sealAt'],
      indexes: [[asc('shard'), asc('sealAt')]],
    },
  },
};
