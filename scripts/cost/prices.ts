/**
 * Every price that the cost model knows, in US dollars, in one table. A provider's page that needs a browser was read as a stored
 * copy or as a dated quotation of it, and `read` says of when; "recalled" marks what no copy could confirm. Taxes, discounts,
 * committed use and support are not in it.
 */

export interface Price {
  readonly service: string;
  readonly item: string;
  /** For `per` units. */
  readonly dollars: number;
  readonly per: number;
  readonly unit: string;
  /** Units a month that cost nothing, of a billing account or project that does nothing else. */
  readonly free?: number;
  /** Where they are, if not everywhere. */
  readonly freeIn?: readonly string[];
  /** Where Cloud Run counts the region to its second tier. */
  readonly tier2?: number;
  /** Of a database in a multi-region. */
  readonly multiRegion?: number;
  readonly read: string;
  readonly source: string;
}

const RUN = 'https://cloud.google.com/run/pricing';
const FIRESTORE = 'https://cloud.google.com/firestore/pricing';
const STORAGE = 'https://cloud.google.com/storage/pricing';
const OBSERVED = 'https://cloud.google.com/stackdriver/pricing';
const SECRETS = 'https://cloud.google.com/secret-manager/pricing';
const BALANCING = 'https://cloud.google.com/load-balancing/pricing';
const ARMOR = 'https://cloud.google.com/armor/pricing';

const functions = { service: 'Cloud Run functions', source: RUN } as const;
const firestore = { service: 'Firestore', source: FIRESTORE } as const;
const freeIn = ['us-central1', 'us-east1', 'us-west1'] as const;
const storage = { service: 'Cloud Storage', source: STORAGE, read: '2026-09', freeIn } as const;
const secrets = { service: 'Secret Manager', source: SECRETS, read: '2026-10' } as const;
const armor = { service: 'Load balancer', source: ARMOR, read: '2026-11, quoted by others' } as const;
const alerting = {
  service: 'Cloud Monitoring',
  source: 'https://docs.cloud.google.com/monitoring/alerts/cost-control',
  read: '2026, announced for May 2026 at the earliest',
} as const;

/** Of us-central1, and what differs elsewhere. Firestore's free quota is of one database a project, perhaps another: none here. */
export const PRICES = {
  requests: { ...functions, item: 'requests', dollars: 0.4, per: 1e6, unit: 'requests', free: 2e6, read: '2026-10' },
  cpu: { ...functions, item: 'CPU', dollars: 0.000024, tier2: 0.0000336, per: 1, unit: 'vCPU-s', free: 180_000, read: '2026-10' },
  memory: {
    ...functions,
    item: 'memory',
    dollars: 0.0000025,
    tier2: 0.0000035,
    per: 1,
    unit: 'GiB-s',
    free: 360_000,
    read: '2026-10',
  },
  idleCpu: {
    ...functions,
    item: 'CPU of idle minimum instances',
    dollars: 0.0000025,
    tier2: 0.0000035,
    per: 1,
    unit: 'vCPU-s',
    read: 'recalled',
  },
  idleMemory: {
    ...functions,
    item: 'memory of idle minimum instances',
    dollars: 0.0000025,
    tier2: 0.0000035,
    per: 1,
    unit: 'GiB-s',
    read: 'recalled',
  },
  reads: {
    ...firestore,
    item: 'reads',
    dollars: 0.03,
    multiRegion: 0.06,
    per: 1e5,
    unit: 'documents',
    read: 'undated, 2025 or later',
  },
  writes: {
    ...firestore,
    item: 'writes',
    dollars: 0.09,
    multiRegion: 0.18,
    per: 1e5,
    unit: 'documents',
    read: 'undated, 2025 or later',
  },
  deletes: {
    ...firestore,
    item: 'deletes by expiry',
    dollars: 0.01,
    multiRegion: 0.02,
    per: 1e5,
    unit: 'documents',
    read: 'undated, 2025 or later',
  },
  documents: { ...firestore, item: 'storage', dollars: 0.15, multiRegion: 0.18, per: 1, unit: 'GiB-months', read: 'recalled' },
  recovery: {
    ...firestore,
    item: 'point-in-time recovery',
    dollars: 0.15,
    multiRegion: 0.18,
    per: 1,
    unit: 'GiB-months',
    read: 'recalled',
  },
  backups: { ...firestore, item: 'daily backups', dollars: 0.03, per: 1, unit: 'GiB-months', read: '2026-09, from a bill of nam5' },
  messages: {
    service: 'Pub/Sub',
    item: 'messages in and out',
    dollars: 40,
    per: 2 ** 40,
    unit: 'bytes',
    free: 10 * 2 ** 30,
    read: '2026-09',
    source: 'https://cloud.google.com/pubsub/pricing',
  },
  objectWrites: { ...storage, item: 'class A operations', dollars: 0.005, per: 1_000, unit: 'operations', free: 5_000 },
  objectReads: { ...storage, item: 'class B operations', dollars: 0.0004, per: 1_000, unit: 'operations', free: 50_000 },
  objects: { ...storage, item: 'storage', dollars: 0.02, per: 1, unit: 'GiB-months', free: 5 },
  secretVersions: { ...secrets, item: 'versions', dollars: 0.06, per: 1, unit: 'version-months', free: 6 },
  secretReads: { ...secrets, item: 'accesses', dollars: 0.03, per: 10_000, unit: 'accesses', free: 10_000 },
  jobs: {
    service: 'Cloud Scheduler',
    item: 'jobs',
    dollars: 0.1,
    per: 1,
    unit: 'job-months',
    free: 3,
    read: 'undated, 2025 or later',
    source: 'https://cloud.google.com/scheduler/pricing',
  },
  logs: { service: 'Cloud Logging', item: 'logs', dollars: 0.5, per: 1, unit: 'GiB', free: 50, read: '2026-10', source: OBSERVED },
  alertMetrics: { ...alerting, item: 'metrics that alerts look at', dollars: 0.35, per: 1, unit: 'metric-months' },
  alertPoints: { ...alerting, item: 'points that alerts read', dollars: 0.5, per: 1e6, unit: 'points' },
  images: {
    service: 'Artifact Registry',
    item: 'images of the functions',
    dollars: 0.1,
    per: 1,
    unit: 'GiB-months',
    free: 0.5,
    read: '2026-10',
    source: 'https://cloud.google.com/artifact-registry/pricing',
  },
  egress: {
    service: 'Network',
    item: 'answers and callbacks to the internet',
    dollars: 0.12,
    per: 1,
    unit: 'GiB',
    free: 1,
    read: '2026-10',
    source: 'https://cloud.google.com/vpc/network-pricing',
  },
  balancerHours: {
    service: 'Load balancer',
    item: 'forwarding rule',
    dollars: 0.025,
    per: 1,
    unit: 'hours',
    read: 'undated, 2025 or later',
    source: BALANCING,
  },
  balancerData: {
    service: 'Load balancer',
    item: 'data in and out',
    dollars: 0.008,
    per: 1,
    unit: 'GiB',
    read: 'undated, 2025 or later',
    source: BALANCING,
  },
  armorPolicies: { ...armor, item: 'Cloud Armor policy', dollars: 5, per: 1, unit: 'policy-months' },
  armorRules: { ...armor, item: 'Cloud Armor rules', dollars: 1, per: 1, unit: 'rule-months' },
  armorRequests: { ...armor, item: 'requests through Cloud Armor', dollars: 0.75, per: 1e6, unit: 'requests' },
} as const satisfies Record<string, Price>;

export type PriceName = keyof typeof PRICES;

/** Where it runs: Cloud Run's region, and the database's own location where that is another. */
export interface Place {
  readonly region: string;
  readonly databaseLocation: string;
}

/** Source: Google Cloud, "Cloud Run locations", subject to Tier 1 pricing. */
const TIER_1 = new Set([
  ...['asia-east1', 'asia-northeast1', 'asia-northeast2', 'asia-south1', 'europe-north1', 'europe-southwest1', 'europe-west1'],
  ...['europe-west4', 'europe-west8', 'europe-west9', 'me-west1', 'us-central1', 'us-east1', 'us-east4', 'us-east5', 'us-south1'],
  'us-west1',
]);
export const MULTI_REGIONS: readonly string[] = ['eur3', 'nam5', 'nam7'];

/** Dollars for one unit at a place. What differs between places in ways that this table does not know is priced as in us-central1. */
export function dollarsPerUnit(name: PriceName, { region, databaseLocation }: Place): number {
  const price: Price = PRICES[name];
  const tiered = price.tier2 !== undefined && !TIER_1.has(region) ? price.tier2 : price.dollars;
  const located = price.multiRegion !== undefined && MULTI_REGIONS.includes(databaseLocation) ? price.multiRegion : tiered;
  return located / price.per;
}

/** Units a month that cost nothing at a place. */
export function freeUnits(name: PriceName, { region }: Place): number {
  const { free = 0, freeIn }: Price = PRICES[name];
  return freeIn === undefined || freeIn.includes(region) ? free : 0;
}

/** The services whose prices at a place are taken from us-central1, for want of their own. */
export function borrowed({ region, databaseLocation }: Place): string[] {
  if (region === 'us-central1' && databaseLocation === region) return [];
  const isKnown = databaseLocation === 'us-central1' || MULTI_REGIONS.includes(databaseLocation);
  return [...(isKnown ? [] : ['Firestore']), ...(region === 'us-central1' ? [] : ['Cloud Storage', 'Network', 'Load balancer'])];
}
