/**
 * What the cloud runs, as near as one machine comes: the archives that are deployed, unpacked, each in a process of its own behind
 * Cloud Run's check of its callers; started with the environment and the invokers that stand in the synthesized stack. Only the
 * addresses differ: of Google's services, of the issuer, and of the functions themselves.
 */

import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { startIssuer } from '../../emulator-bridge/issuer.ts';
import { localKey } from '../../emulator-bridge/local-key.ts';
import { assemble, functionNames } from '../../emulator-bridge/local-stack.ts';
import { freePorts, LOOPBACK } from '../../emulator-bridge/loopback.ts';
import { systemClock } from '../../functions/adapters/clock.ts';
import { pubsubSubscriptions } from '../../functions/adapters/pubsub.ts';
import { remoteParts } from '../../functions/adapters/remote-parts.ts';
import { accountEmail, secretName } from '../../functions/core/addresses.ts';
import { readSettings } from '../../functions/core/settings.ts';
import { topology } from '../../functions/topology.ts';
import { bundleFunction } from '../../scripts/bundle/bundle-function.ts';
import { startBundle, unpack } from '../infra/bundles.ts';
import { at, type Synthesized, synthesized } from '../infra/synthesized.ts';
import { cloudRun } from './cloud-run.ts';
import { temporaryFolder } from './folder.ts';
import { type SecretServer, secretServer } from './secret-server.ts';
import { silent, type TestStack, testStack } from './stack.ts';
import { storageOf } from './storage.ts';

export interface CloudTestStack extends TestStack {
  readonly secrets: SecretServer;
  /** Each function's own address, behind Cloud Run. */
  readonly origins: Readonly<Record<string, string>>;
  /** What a function has left in its working folder. */
  written(name: string): readonly string[];
}

/** Starts it; inside `describeWithEmulators`. `variables` are those of the environment's settings file. */
export async function cloudStack(variables: Readonly<Record<string, string>>): Promise<CloudTestStack> {
  await using release = new AsyncDisposableStack();
  const stack = synthesized({ publicFunctions: 'all', variables });
  const given = (name: string) =>
    at<Record<string, string>>(
      stack.all('google_cloudfunctions2_function'),
      `function_${name}`,
      'service_config',
      'environment_variables',
    );
  const secrets = release.adopt(await secretServer(), (it) => it.close());
  for (const name of topology.secrets) secrets.add(secretName(name), `${name} of at least thirty-two random bytes`);

  const ports = await freePorts(functionNames.length);
  const urls = Object.fromEntries(functionNames.map((name, index) => [name, `http://${LOOPBACK}:${ports[index]}`]));
  const naming = readSettings(given('dispatch'));
  const issuer = release.adopt(await startIssuer(naming), (it) => it.close());
  const moved = {
    ORCHESTRATOR_FUNCTION_URLS: JSON.stringify(urls),
    ORCHESTRATOR_OIDC_ISSUER: issuer.url,
    ORCHESTRATOR_OIDC_JWKS_URL: issuer.jwksUrl,
  };
  const settings = readSettings({ ...given('dispatch'), ...moved }, { port: 0 });

  const storage = release.adopt(await storageOf(settings.project), (it) => it.close());
  const services = {
    PUBSUB_EMULATOR_HOST: String(process.env.PUBSUB_EMULATOR_HOST),
    FIRESTORE_EMULATOR_HOST: String(process.env.FIRESTORE_EMULATOR_HOST),
    STORAGE_EMULATOR_HOST: storage.server.url,
    SECRET_MANAGER_EMULATOR_HOST: secrets.host,
  };
  process.env.SECRET_MANAGER_EMULATOR_HOST = secrets.host;
  release.defer(() => {
    delete process.env.SECRET_MANAGER_EMULATOR_HOST;
  });
  const { backoffMinimumMs, backoffMaximumMs } = settings.times;
  const source = release.adopt(
    pubsubSubscriptions({ projectId: settings.project, topology, clock: systemClock(), backoffMinimumMs, backoffMaximumMs }),
    (it) => it.close(),
  );
  await source.createTopology();
  const parts = await remoteParts(settings);
  release.defer(async () => {
    await parts.messages.close();
    await parts.documents.close();
    await parts.control.close();
  });

  const folders: Record<string, string> = {};
  const origins: Record<string, string> = {};
  for (const [index, name] of functionNames.entries()) {
    const folder = release.adopt(temporaryFolder(), (it) => it.remove());
    folders[name] = folder.path;
    unpack(await bundleFunction(name), folder.path);
    const { child, url } = await startBundle(folder.path, ['index.mjs'], {
      ...given(name),
      ...moved,
      ...services,
      GCE_METADATA_HOST: (await issuer.metadata(accountEmail(settings, name))).host,
      METADATA_SERVER_DETECTION: 'assume-present',
    });
    release.defer(async () => {
      child.kill('SIGKILL');
      await once(child, 'exit');
    });
    origins[name] = url;
    release.adopt(
      await cloudRun({ name, port: ports[index] as number, origin: url, members: invokers(stack, name), issuer }),
      (it) => it.close(),
    );
  }

  const keys = release.adopt(temporaryFolder(), (it) => it.remove());
  const key = await localKey(keys.path, parts.control);
  const local = await assemble(release, {
    options: { settings, log: silent },
    settings,
    issuer,
    source,
    key,
    pids: () => ({}),
  });
  const written = (name: string) => readdirSync(`${folders[name]}/data`);
  return Object.assign(testStack(local, parts, local.stop), { secrets, origins, written });
}

function invokers(stack: Synthesized, name: string): string[] {
  return at<string[]>(stack.all('google_cloud_run_v2_service_iam_binding'), `invokers_${name}`, 'members').map(stack.resolve);
}
