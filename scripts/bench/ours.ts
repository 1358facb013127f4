/** Heliograph as a contender: embedded, and on Google's emulators beside the bare pipeline on the same ones. */

import { startEmulators } from '../../emulator-bridge/emulators.ts';
import { readSettings } from '../../functions/core/settings.ts';
import { type Contender, temporaryFolder } from './contender.ts';
import { emptyStores } from './emulated-stores.ts';
import type { Load } from './load-loop.ts';
import { startHeliograph, startLoad, startMeasured } from './measured-process.ts';

const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** The embedded runtime, by the command that users start it with. */
export async function startOursEmbedded(release: AsyncDisposableStack): Promise<Record<'embedded', Contender>> {
  const folder = await temporaryFolder(release);
  const { url } = release.adopt(await startHeliograph(folder), (it) => it.stop());
  const load = release.adopt(startLoad(), (it) => it.stop());
  return { embedded: { run: (wanted) => load.run({ ...wanted, url }) } };
}

/** Both on the same emulators, which end with them. */
export async function startOnEmulators(release: AsyncDisposableStack): Promise<Record<'emulators' | 'bare', Contender>> {
  const folder = await temporaryFolder(release);
  const emulators = release.adopt(await startEmulators({ log: silent }), (it) => it.stop());
  const env = {
    PUBSUB_EMULATOR_HOST: emulators.pubsubHost,
    FIRESTORE_EMULATOR_HOST: emulators.firestoreHost,
    METADATA_SERVER_DETECTION: 'none',
  };
  const { project } = readSettings({}, {});
  const ours = await startMeasured(
    '../start.ts',
    ['--emulators', '--port', '0', '--set', 'logLevel=warn', '--data-dir', folder],
    // Dispatch's own address, as in the cloud: the bridge's single address would be one proxy more.
    { ready: /^ +dispatch +(http\S+)$/, env: { ...env, METADATA_SERVER_DETECTION: undefined } },
  );
  release.adopt(ours, (it) => it.stop());
  const oursLoad = release.adopt(startLoad(), (it) => it.stop());
  const bareLoad = release.adopt(startLoad<Load>('./bare-pipeline-load.ts', [project], env), (it) => it.stop());

  const empty = () => emptyStores(emulators.firestoreHost, project);
  return {
    emulators: { run: (wanted) => oursLoad.run({ ...wanted, url: ours.url }), empty },
    bare: { run: (wanted) => bareLoad.run(wanted), empty },
  };
}
