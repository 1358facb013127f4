/** Whose record is looked at: a local data folder's, that of running emulators, or a deployment's. */

import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { systemClock } from '../../functions/adapters/clock.ts';
import { cloudObjects } from '../../functions/adapters/cloud-storage.ts';
import { fileObjects } from '../../functions/adapters/files.ts';
import { firestoreDocuments } from '../../functions/adapters/firestore.ts';
import { fileSecrets } from '../../functions/adapters/secret-file.ts';
import { secretManager } from '../../functions/adapters/secret-manager.ts';
import { secretName } from '../../functions/core/addresses.ts';
import { Problem } from '../../functions/core/errors.ts';
import type { Documents, Objects } from '../../functions/core/ports.ts';
import { readSettings, type Settings } from '../../functions/core/settings.ts';
import { type Signing, signingFrom } from '../../functions/core/signing.ts';
import { topology } from '../../functions/topology.ts';
import { readDeployment } from '../deploy/environment.ts';
import { checkDefaultLogin } from '../deploy/google.ts';

const SECRET = 'signing-key';
const NEEDED = 'Every entry is hashed with it: without it the record can be exported, and not verified.';

/** Which one: at most one of them. */
export interface TargetFlags {
  readonly env?: string;
  readonly settings?: string;
  readonly 'data-dir'?: string;
  readonly emulators?: boolean;
}

export interface Target {
  readonly name: string;
  readonly documents: Documents;
  readonly control: Documents;
  readonly objects: Objects;
  readonly settings: Settings;
  /** What the chains are hashed with. Throws `Problem` `key_missing`, `secret_unreadable`, `secret_denied`. */
  signing(): Promise<Signing>;
}

/**
 * Opens it; `release` closes it again. Throws `Problem` `invalid_flags`, `no_record`, `data_in_use`, `invalid_settings`,
 * `no_login`.
 */
export async function openTarget(flags: TargetFlags, release: AsyncDisposableStack): Promise<Target> {
  const chosen = [flags.env, flags['data-dir'], flags.emulators].filter((flag) => flag !== undefined);
  // The emulators' key lies in a data folder.
  if (chosen.length > (flags.emulators && flags.env === undefined ? 2 : 1))
    throw new Problem(422, 'invalid_flags', 'Choose one of --env, --data-dir and --emulators.');
  if (flags.env !== undefined) return deployed(flags.env, flags.settings, release);
  const dataDir = flags['data-dir'] === undefined ? {} : { dataDir: resolve(flags['data-dir']) };
  const local = readSettings(process.env, { ...dataDir, runtime: flags.emulators ? 'emulators' : 'embedded' });
  return flags.emulators ? emulated(local, release) : embedded(local, release);
}

async function embedded(settings: Settings, release: AsyncDisposableStack): Promise<Target> {
  const { dataDir } = settings;
  const path = join(dataDir, 'heliograph.db');
  if (!existsSync(path))
    throw new Problem(422, 'no_record', `There is no record in ${dataDir}. Name its folder: --data-dir <folder>`);
  const { openDatabase } = await import('../../functions/adapters/sqlite-database.ts');
  const { sqliteDocuments } = await import('../../functions/adapters/sqlite-documents.ts');
  const database = release.adopt(
    stopped(() => openDatabase({ path, settles: 'at once' })),
    (it) => it.close(),
  );
  const open = (name: 'tasks' | 'control') =>
    release.adopt(sqliteDocuments(database, topology, name, systemClock()), (it) => it.close());
  return {
    name: dataDir,
    documents: open('tasks'),
    control: open('control'),
    objects: fileObjects({ folder: join(dataDir, 'objects') }),
    settings,
    signing: () => localSigning(settings),
  };
}

/** Throws `Problem` `data_in_use`, with what to do. */
function stopped<T>(open: () => T): T {
  try {
    return open();
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'data_in_use') throw error;
    throw new Problem(error.status, error.code, `${error.message} Stop it first.`);
  }
}

async function emulated(settings: Settings, release: AsyncDisposableStack): Promise<Target> {
  const missing = ['FIRESTORE_EMULATOR_HOST', 'STORAGE_EMULATOR_HOST'].filter((name) => !process.env[name]);
  if (missing.length > 0)
    throw new Problem(422, 'invalid_flags', `--emulators needs ${missing.join(' and ')}: npm run start:emulators shows them.`);
  return { name: 'the emulators', ...remote(settings, release), settings, signing: () => localSigning(settings) };
}

async function deployed(env: string, file: string | undefined, release: AsyncDisposableStack): Promise<Target> {
  const { naming } = readDeployment({ env, settings: file });
  const { project, projectNumber, region } = naming;
  const settings = readSettings({}, { runtime: 'cloud', project, projectNumber, region });
  // The client throws past its callers when it finds none.
  if (!process.env.FIRESTORE_EMULATOR_HOST) await checkDefaultLogin();
  const emulatorHost = process.env.SECRET_MANAGER_EMULATOR_HOST;
  const secrets = secretManager({ settings, clock: systemClock(), ...(emulatorHost ? { emulatorHost } : {}) });
  const signing = async () => keyed(await secrets.read(SECRET), `the secret ${secretName(SECRET)} of ${project}`);
  return { name: project, ...remote(settings, release), settings, signing };
}

function remote(settings: Settings, release: AsyncDisposableStack): Pick<Target, 'documents' | 'control' | 'objects'> {
  const open = (databaseId: 'tasks' | 'control') =>
    release.adopt(firestoreDocuments({ projectId: settings.project, databaseId, topology }), (it) => it.close());
  return { documents: open('tasks'), control: open('control'), objects: cloudObjects(settings) };
}

/** Makes none: a new key would verify nothing. */
async function localSigning({ dataDir, masterKey }: Settings): Promise<Signing> {
  const folder = join(dataDir, 'secrets');
  const isThere = masterKey !== undefined || existsSync(join(folder, 'master.key'));
  if (!isThere)
    throw new Problem(
      422,
      'key_missing',
      `There is no signing key that can be read in ${folder}: no master.key, and no ORCHESTRATOR_MASTER_KEY. ${NEEDED}`,
    );
  try {
    return keyed(await fileSecrets({ folder, ...(masterKey ? { masterKey } : {}) }).read(SECRET), folder);
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'secret_unreadable') throw error;
    const advice = 'Set ORCHESTRATOR_MASTER_KEY to what the runtime was started with, or bring its master.key back.';
    throw new Problem(422, 'secret_unreadable', `The signing key in ${folder} cannot be read. ${NEEDED} ${advice}`, {
      cause: error,
    });
  }
}

function keyed(secret: string | undefined, where: string): Signing {
  if (secret) return signingFrom(secret);
  throw new Problem(422, 'key_missing', `There is no signing key: ${where} has no value. ${NEEDED}`);
}
