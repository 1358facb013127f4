/** What outlives a stack: the databases, the buckets and the secrets. The next stack takes them over. */

import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { secretName } from '../../functions/core/addresses.ts';
import { Problem } from '../../functions/core/errors.ts';
import { topology } from '../../functions/topology.ts';
import { KEPT_SECRETS } from '../../infra/secrets.ts';
import type { EnvironmentSettings } from '../../infra/settings.ts';
import { type Google, isDisabled, isForeign } from './google.ts';
import { notReady } from './preflight.ts';
import type { Terraform } from './terraform.ts';

export interface Kept {
  /** Its address in Terraform's state. */
  readonly address: string;
  /** What it is called in a sentence. */
  readonly what: string;
  /** How Terraform's import names it. */
  readonly id: string;
  /** Whether it is there is asked here. */
  readonly service: 'firestore' | 'storage' | 'secrets';
  readonly path: string;
  /** What deletes it for good. */
  readonly removal: readonly string[];
}

const KEPT_TYPES = [
  'google_firestore_database',
  'google_storage_bucket',
  'google_secret_manager_secret',
  'google_secret_manager_secret_version',
];
const VERSION = 'google_secret_manager_secret_version.first_version_';

/** What a stack in this folder keeps, read from what was synthesized. */
export function keptOf(folder: string, project: string): readonly Kept[] {
  const { resource } = JSON.parse(readFileSync(join(folder, 'cdk.tf.json'), 'utf8')) as {
    resource: Record<string, Record<string, Record<string, unknown>>>;
  };
  const all = (type: string) => Object.entries(resource[type] ?? {});
  return [
    ...all('google_firestore_database').map(([key, { name }]): Kept => {
      const id = `projects/${project}/databases/${name}`;
      const command = `gcloud firestore databases update --database=${name} --no-delete-protection --project ${project}`;
      return {
        address: `google_firestore_database.${key}`,
        what: `database ${name} (protected)`,
        id,
        service: 'firestore',
        path: id,
        removal: [command, `gcloud firestore databases delete --database=${name} --project ${project}`],
      };
    }),
    ...all('google_storage_bucket').map(([key, { name, retention_policy }]): Kept => {
      const locked = retention_policy as { retention_period: number } | undefined;
      const days = locked && Math.round(locked.retention_period / 86_400);
      return {
        address: `google_storage_bucket.${key}`,
        what: `bucket gs://${name}${days ? ` (locked: nobody can delete what is younger than ${days} days)` : ''}`,
        id: `${project}/${name}`,
        service: 'storage',
        path: `b/${name}`,
        removal: [`gcloud storage rm --recursive gs://${name}`],
      };
    }),
    ...all('google_secret_manager_secret').map(([key, { secret_id }]): Kept => {
      const id = `projects/${project}/secrets/${secret_id}`;
      return {
        address: `google_secret_manager_secret.${key}`,
        what: `secret ${secret_id} (its value is nowhere else)`,
        id,
        service: 'secrets',
        path: id,
        removal: [`gcloud secrets delete ${secret_id} --project ${project}`],
      };
    }),
  ];
}

/** The addresses in the state. */
export async function stateAddresses(terraform: Terraform): Promise<readonly string[]> {
  // Before the first deployment there is no state at all, which it takes for an error.
  const { code, output, errors } = await terraform.quietly(['state', 'list'], [0, 1]);
  if (code === 0) return output.split('\n').filter(Boolean);
  if (errors.includes('No state file was found')) return [];
  throw new Problem(500, 'terraform_failed', `The state cannot be read:\n${errors}`);
}

type Owner = Pick<EnvironmentSettings, 'project' | 'projectNumber'>;

/** What of it is there, in the project itself. */
export async function standing(google: Google, kept: readonly Kept[], owner: Owner): Promise<readonly Kept[]> {
  const there: Kept[] = [];
  for (const one of kept) if ((await whose(google, one, owner)) === 'ours') there.push(one);
  return there;
}

/** Takes what is kept out of the state: Terraform then neither deletes it nor fails to. */
export async function forget(terraform: Terraform, known: readonly string[]): Promise<void> {
  const kept = known.filter((address) => KEPT_TYPES.some((type) => address.startsWith(`${type}.`)));
  if (kept.length > 0) await terraform.quietly(['state', 'rm', '-lock-timeout=60s', ...kept]);
}

/**
 * Has Terraform import what an earlier stack has left and the state does not have: it would try to make it a second time. Of a
 * secret that has a version, none is made: it would take the place of the value that everything was signed with. Gives what is
 * taken over. Throws `Problem` `not_ready` for a bucket that is in another project, whether the state has it or not.
 */
export async function takeOver(google: Google, terraform: Terraform, folder: string, owner: Owner): Promise<readonly Kept[]> {
  const imports = join(folder, 'kept.tf.json');
  const variables = join(folder, 'kept.auto.tfvars.json');
  for (const file of [imports, variables]) rmSync(file, { force: true });
  const known = await stateAddresses(terraform);
  const left: Kept[] = [];
  for (const one of keptOf(folder, owner.project)) {
    if (known.includes(one.address) && one.service !== 'storage') continue;
    const found = await whose(google, one, owner);
    if (found === 'foreign') throw notReady([taken(one, owner)]);
    if (found === 'ours' && !known.includes(one.address)) left.push(one);
  }
  const secrets: string[] = [];
  for (const name of topology.secrets) {
    const path = `projects/${owner.project}/secrets/${secretName(name)}`;
    if (!known.includes(`${VERSION}${name}[0]`) && (await hasVersion(google, path))) secrets.push(name);
  }
  if (left.length > 0)
    writeFileSync(imports, JSON.stringify({ import: left.map(({ address, id }) => ({ to: address, id })) }, null, 2));
  if (secrets.length > 0) writeFileSync(variables, JSON.stringify({ [KEPT_SECRETS]: secrets }, null, 2));
  return left;
}

async function whose(google: Google, { service, path }: Kept, { projectNumber }: Owner): Promise<'ours' | 'foreign' | 'nobody’s'> {
  const answer = await google.get(service, path);
  // The paths of all else begin with the project.
  if (answer.status === 200) return service === 'storage' && isForeign(answer, projectNumber) ? 'foreign' : 'ours';
  // An API that is off has nothing.
  if (answer.status === 404 || isDisabled(answer)) return 'nobody’s';
  throw new Problem(502, 'google_refused', `Whether ${path} is there cannot be told: ${answer.message}`);
}

function taken({ what }: Kept, { project }: Owner): string {
  return `The ${what} is not in ${project}: somebody else has taken that name, and would have whatever is stored there. Names of buckets are made of the project's id: deploy to a project with another id.`;
}

async function hasVersion(google: Google, secret: string): Promise<boolean> {
  const answer = await google.get('secrets', `${secret}/versions?filter=state:ENABLED&pageSize=1`);
  if (answer.status === 404 || isDisabled(answer)) return false;
  if (answer.status === 200) return Array.isArray(answer.body.versions) && answer.body.versions.length > 0;
  throw new Problem(502, 'google_refused', `Whether ${secret} has a version cannot be told: ${answer.message}`);
}
