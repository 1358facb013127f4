/** What the tests of projects in buckets share: parts on the storage server, and a look at a bucket by Google's client alone. */

import { EventEmitter } from 'node:events';
import { type Bucket, Storage } from '@google-cloud/storage';
import type { Site } from '../../emulator-bridge/storage/site.ts';
import { bucketTrees } from '../../functions/adapters/bucket-trees.ts';
import { systemClock } from '../../functions/adapters/clock.ts';
import { systemIds } from '../../functions/adapters/ids.ts';
import { ahead } from '../../functions/core/backups/ahead.ts';
import { newBackupId } from '../../functions/core/backups/manifest.ts';
import { type RolledBack, rollBack } from '../../functions/core/backups/rollback.ts';
import { type BackupParts, type BackupRequest, takeBackup } from '../../functions/core/backups/take.ts';
import type { Objects, ProjectTree, ProjectTrees } from '../../functions/core/ports.ts';
import { signingFrom } from '../../functions/core/signing.ts';
import { memoryObjects } from '../core/backups/memory-parts.ts';
import { storageOf } from '../support/storage.ts';

export const PROJECT = 'heliograph-test';
export const PROJECT_ID = 'project-1';
/** Long enough for a busy machine to renew it, short enough to wait for. */
export const LEASE_MS = 1_500;

export interface BucketKit {
  readonly bucket: Bucket;
  /** `gs://…/team/project`. */
  readonly path: string;
  readonly url: string;
  readonly parts: BackupParts & { readonly trees: ProjectTrees };
  tree(): Promise<ProjectTree>;
  backup(options?: Partial<BackupRequest>): Promise<string>;
  back(backupId: string, parts?: BucketParts): Promise<RolledBack>;
  /** An object of the project: its content, and its custom metadata. */
  put(path: string, content?: string | Buffer, metadata?: Record<string, string>): Promise<void>;
  remove(path: string): Promise<void>;
  /** Everything in the project as objects, and nothing that the adapter knows: by name, its metadata and content. */
  seen(): Promise<Record<string, string>>;
  /** What stands outside of the project: nothing once a rollback is over. */
  leftovers(): Promise<string[]>;
  close(): Promise<void>;
}

export type BucketParts = BucketKit['parts'];

export interface BucketKitOptions {
  readonly leaseMs?: number;
  readonly versioning?: boolean;
  readonly objects?: Objects;
  readonly prefix?: string;
}

let buckets = 0;

export async function bucketKit(options: BucketKitOptions = {}): Promise<BucketKit & { readonly site: Site }> {
  const storage = await storageOf(PROJECT);
  const kit = await kitOn(storage.server.url, options);
  return { ...kit, site: storage.server.site, close: storage.close };
}

/** A kit on a bucket of its own in a server that is running. */
export async function kitOn(
  url: string,
  {
    leaseMs = LEASE_MS,
    versioning = false,
    objects = memoryObjects(systemClock()),
    prefix = 'team/project/',
  }: BucketKitOptions = {},
): Promise<BucketKit> {
  // As the adapter has it, for the downloads of the tests' own client.
  EventEmitter.defaultMaxListeners = Math.max(EventEmitter.defaultMaxListeners, 20);
  const client = new Storage({ projectId: PROJECT, apiEndpoint: url });
  buckets += 1;
  const name = `acme-projects-${process.pid}-${buckets}`;
  const [bucket] = await client.createBucket(name, { versioning: { enabled: versioning } });
  const path = `gs://${name}/${prefix}`.replace(/\/$/, '');
  const parts = partsOn(name, objects, leaseMs);
  const tree = () => parts.trees.open(path);
  return {
    bucket,
    path,
    url,
    parts,
    tree,
    async backup(request = {}) {
      const backupId = newBackupId(parts);
      await takeBackup(parts, await tree(), { projectId: PROJECT_ID, backupId, description: 'test', ...request });
      return backupId;
    },
    back: async (backupId, within = parts) => rollBack(within, await within.trees.open(path), { projectId: PROJECT_ID, backupId }),
    async put(file, content = '', metadata = {}) {
      await bucket.file(prefix + file).save(content, { resumable: false, metadata: { metadata } });
    },
    async remove(file) {
      await bucket.file(prefix + file).delete();
    },
    async seen() {
      const [files] = await bucket.getFiles({ prefix });
      const rows: Record<string, string> = {};
      for await (const { file, content } of ahead(files, 16, async (one) => ({ file: one, content: (await one.download())[0] }))) {
        const metadata = Object.entries(file.metadata.metadata ?? {}).sort();
        rows[file.name.slice(prefix.length)] = `${JSON.stringify(metadata)} ${content.toString('latin1')}`;
      }
      return rows;
    },
    async leftovers() {
      const [files] = await bucket.getFiles({ versions: true });
      const names = files.filter(({ name: one }) => !one.startsWith(prefix)).map(({ name: one }) => one);
      return prefix === '' ? files.map(({ name: one }) => one).filter((one) => one.startsWith('.heliograph-restore/')) : names;
    },
    close: async () => {},
  };
}

export function partsOn(bucket: string, objects: Objects, leaseMs = LEASE_MS): BucketParts {
  return {
    objects,
    trees: bucketTrees({ roots: [`gs://${bucket}`], project: PROJECT, leaseMs }),
    signing: signingFrom('a key that is long enough for these tests'),
    clock: systemClock(),
    ids: systemIds(),
  };
}
