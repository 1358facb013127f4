/**
 * Finds Google's emulators of Pub/Sub and Firestore: one that runs already, the Google Cloud SDK's own, Docker's image.
 *
 * Sources: cloud.google.com/pubsub/docs/emulator, cloud.google.com/firestore/native/docs/emulator.
 */

import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { Problem } from '../functions/core/errors.ts';

export type EmulatorName = 'pubsub' | 'firestore';

/** Where an emulator comes from: `running` at a host that somebody set; a command, to which `--host` and `--port` are added; an image. */
export type EmulatorSource =
  | { readonly kind: 'running'; readonly host: string }
  | { readonly kind: 'java'; readonly command: readonly string[] }
  | { readonly kind: 'docker'; readonly image: string };

export type EmulatorSources = Readonly<Record<EmulatorName, EmulatorSource>>;

/** What the search looks at, so that a test can make it up. */
export interface EmulatorFacts {
  readonly environment: Readonly<Record<string, string | undefined>>;
  exists(path: string): boolean;
  list(folder: string): string[];
  /** The output of a command; undefined when it fails or is not there. */
  run(command: readonly string[]): Promise<string | undefined>;
}

export const DOCKER_IMAGE = 'gcr.io/google.com/cloudsdktool/google-cloud-cli:emulators';
export const HOST_VARIABLES = { pubsub: 'PUBSUB_EMULATOR_HOST', firestore: 'FIRESTORE_EMULATOR_HOST' } as const;
/** They hold everything in memory; uncapped, a JVM takes a quarter of the machine's. */
const HEAP = { pubsub: '-Xmx512m', firestore: '-Xmx1g' } as const;

/** Where the SDK usually is: asking `gcloud` takes a second. */
const USUAL_ROOTS = [
  '/usr/lib/google-cloud-sdk',
  '/usr/share/google-cloud-sdk',
  '/opt/google-cloud-sdk',
  '/usr/local/google-cloud-sdk',
  '/opt/homebrew/share/google-cloud-sdk',
  '/snap/google-cloud-cli/current',
];

/** Finds both. Throws `Problem` `emulators_missing` with the one command that installs what is missing. */
export async function findEmulators(facts: EmulatorFacts = machineFacts()): Promise<EmulatorSources> {
  const found: Partial<Record<EmulatorName, EmulatorSource>> = {};
  for (const name of ['pubsub', 'firestore'] as const) {
    const host = facts.environment[HOST_VARIABLES[name]];
    if (host) found[name] = { kind: 'running', host };
  }
  const missing = () => (['pubsub', 'firestore'] as const).filter((name) => found[name] === undefined);
  const root = missing().length > 0 ? await sdkRoot(facts, missing()) : undefined;
  const java = root !== undefined && (await facts.run(['java', '-version'])) !== undefined;
  if (root !== undefined && java) {
    for (const name of missing()) {
      const command = javaCommand(facts, root, name);
      if (command !== undefined) found[name] = { kind: 'java', command };
    }
  }
  if (missing().length > 0 && (await facts.run(['docker', 'version', '--format', '{{.Server.Version}}'])) !== undefined) {
    for (const name of missing()) found[name] = { kind: 'docker', image: DOCKER_IMAGE };
  }
  if (missing().length > 0) throw notFound(missing(), root, java);
  return found as EmulatorSources;
}

/** The root that has what is wanted; failing that, whichever SDK there is. */
async function sdkRoot(facts: EmulatorFacts, wanted: readonly EmulatorName[]): Promise<string | undefined> {
  const usual = [
    facts.environment.CLOUDSDK_ROOT_DIR,
    join(facts.environment.HOME ?? homedir(), 'google-cloud-sdk'),
    ...USUAL_ROOTS,
  ];
  const roots = usual.filter((root) => root !== undefined && facts.exists(root)) as string[];
  const complete = (root: string) => wanted.every((name) => javaCommand(facts, root, name) !== undefined);
  const fast = roots.find(complete);
  if (fast !== undefined) return fast;
  const told = (await facts.run(['gcloud', 'info', '--format=value(installation.sdk_root)']))?.trim();
  return told || roots[0];
}

/** The JVM's own command, without the SDK's wrapper scripts: half the start, and one process to kill instead of three. */
function javaCommand(facts: EmulatorFacts, root: string, name: EmulatorName): string[] | undefined {
  if (name === 'pubsub') {
    const folder = join(root, 'platform/pubsub-emulator/lib');
    const jar = facts.list(folder).find((file) => /^cloud-pubsub-emulator-.*-all\.jar$/.test(file));
    return jar === undefined ? undefined : ['java', HEAP.pubsub, '-jar', join(folder, jar)];
  }
  const jar = join(root, 'platform/cloud-firestore-emulator/cloud-firestore-emulator.jar');
  if (!facts.exists(jar)) return undefined;
  // English: its error messages in other languages break clients that match on them.
  const main = 'com.google.cloud.datastore.emulator.firestore.CloudFirestore';
  return ['java', HEAP.firestore, '-Duser.language=en', '-cp', jar, main, 'start'];
}

function notFound(missing: readonly EmulatorName[], root: string | undefined, java: boolean): Problem {
  const components = { pubsub: 'pubsub-emulator', firestore: 'cloud-firestore-emulator' } as const;
  const what = missing.map((name) => components[name]).join(' and ');
  const why =
    root === undefined
      ? 'There is neither a Google Cloud SDK nor a running Docker.'
      : java
        ? `The Google Cloud SDK in ${root} does not have ${missing.length > 1 ? 'them' : 'it'}, and no Docker runs.`
        : 'The Google Cloud SDK is here, but neither Java to run its emulators nor a running Docker.';
  const command =
    root === undefined
      ? 'curl -sSL https://sdk.cloud.google.com | bash -s -- --disable-prompts && ~/google-cloud-sdk/bin/gcloud components install pubsub-emulator cloud-firestore-emulator --quiet'
      : java
        ? installCommand(root, missing)
        : 'sudo apt-get install -y default-jre-headless';
  return new Problem(503, 'emulators_missing', `Not found: ${what}. ${why}\nInstall with:\n  ${command}`);
}

/** Where the SDK came as a Debian package, `gcloud components` is switched off. */
function installCommand(root: string, missing: readonly EmulatorName[]): string {
  if (root.startsWith('/usr/lib/')) {
    const names = { pubsub: 'google-cloud-cli-pubsub-emulator', firestore: 'google-cloud-cli-firestore-emulator' } as const;
    return `sudo apt-get install -y ${missing.map((name) => names[name]).join(' ')}`;
  }
  const names = { pubsub: 'pubsub-emulator', firestore: 'cloud-firestore-emulator' } as const;
  return `gcloud components install ${missing.map((name) => names[name]).join(' ')} --quiet`;
}

/** The facts of this machine. */
export function machineFacts(environment: EmulatorFacts['environment'] = process.env): EmulatorFacts {
  return {
    environment,
    exists: existsSync,
    list: (folder) => (existsSync(folder) ? readdirSync(folder) : []),
    run: ([program = '', ...args]) =>
      new Promise((resolve) => {
        execFile(program, args, { timeout: 10_000 }, (error, stdout) => resolve(error === null ? stdout : undefined));
      }),
  };
}
