import { type Emulators, startEmulators } from '../../emulator-bridge/emulators.ts';
import { Problem } from '../../functions/core/errors.ts';
import type { Log } from '../../functions/core/ports.ts';

const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };
let starting: Promise<Emulators | string> | undefined;

/**
 * A suite that runs against Google's emulators: they are started once for the whole run, and their addresses stand in the
 * environment while the suite runs. Where there are none, the suite says so and its tests are pending.
 */
export function describeWithEmulators(title: string, suite: (this: Mocha.Suite) => void): void {
  describe(`${title} (emulator)`, function () {
    const outside = { ...process.env };

    before(async function () {
      this.timeout(60_000);
      starting ??= start();
      const emulators = await starting;
      if (typeof emulators === 'string') {
        console.log(`      DID NOT RUN: ${emulators}`);
        this.skip();
      }
      process.env.PUBSUB_EMULATOR_HOST = emulators.pubsubHost;
      process.env.FIRESTORE_EMULATOR_HOST = emulators.firestoreHost;
      // Else the clients look for a metadata server, for seconds.
      process.env.METADATA_SERVER_DETECTION = 'none';
    });

    suite.call(this);

    after(() => {
      for (const name of ['PUBSUB_EMULATOR_HOST', 'FIRESTORE_EMULATOR_HOST', 'METADATA_SERVER_DETECTION']) {
        if (outside[name] === undefined) delete process.env[name];
        else process.env[name] = outside[name];
      }
    });
  });
}

async function start(): Promise<Emulators | string> {
  try {
    return await startEmulators({ log: silent });
  } catch (error) {
    if (error instanceof Problem && error.code === 'emulators_missing') return error.message;
    throw error;
  }
}

after(async () => {
  const emulators = await starting?.catch(() => undefined);
  if (emulators !== undefined && typeof emulators !== 'string') await emulators.stop();
});
