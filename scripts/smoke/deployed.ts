import { functionUrl } from '../../functions/core/addresses.ts';
import type { Deployment } from '../deploy/environment.ts';
import { ownIdentityToken } from '../deploy/identity-token.ts';
import { openKeys } from '../deploy/keys.ts';
import { smokeAndTell } from './smoke.ts';
import { deployedPushes } from './targets.ts';

const KEY_LIFETIME_MS = 3_600_000;
const PATIENCE_MS = 240_000;

/**
 * Tries out a deployment at its own addresses, under a key that is removed afterwards (by `release`), and prints what was seen.
 * `given` is used in the place of such a key. Throws `Problem` `smoke_failed`.
 */
export async function smokeDeployed(
  { name, settings, naming }: Deployment,
  release: AsyncDisposableStack,
  given?: { readonly key?: string; readonly patienceMs?: number },
): Promise<void> {
  const url = functionUrl(naming, 'dispatch');
  console.log(`\nTrying it out; a new deployment may need some minutes until all of it answers.`);
  const key = given?.key ?? (await temporaryKey(settings.project, release));
  const isPublic = settings.publicFunctions.includes('dispatch');
  const identityToken = isPublic ? undefined : await ownIdentityToken(url);
  const advice = ` The logs say more: the page of the project's Cloud Run functions, or\n\n  gcloud logging read 'severity>=WARNING' --project ${settings.project} --limit 20\n\nTo try it out again: npm run smoke -- --env ${name}`;
  await smokeAndTell(
    {
      url,
      health: '/',
      credentials: { key, identityToken },
      pushes: deployedPushes(naming),
      patienceMs: given?.patienceMs ?? PATIENCE_MS,
    },
    advice,
  );
}

async function temporaryKey(project: string, release: AsyncDisposableStack): Promise<string> {
  const keys = release.adopt(await openKeys(project), (it) => it.close());
  const { key, id } = await keys.make({ tenant: 'smoke-test', scopes: ['dispatch', 'read'], lifetimeMs: KEY_LIFETIME_MS });
  release.defer(() => keys.remove(id));
  return key;
}
