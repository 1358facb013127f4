import { DatabaseSync } from 'node:sqlite';
import { startEmbedded } from '../../emulator-bridge/embedded.ts';
import { systemClock } from '../../functions/adapters/clock.ts';
import { remoteTokenKeys } from '../../functions/adapters/token-keys.ts';
import { Problem } from '../../functions/core/errors.ts';
import type { Clock, Documents, Messages } from '../../functions/core/ports.ts';
import type { Runtime } from '../../functions/core/runtime.ts';
import { temporaryFolder } from '../support/folder.ts';
import { quickSettings, silent, testStack } from '../support/stack.ts';
import { type FaultyStack, faultyParts } from './faulty-stack.ts';

export interface FaultyEmbedded extends FaultyStack {
  /** What still waits in the queues, by subscription: to be asked once it is stopped. */
  leftInQueues(): Record<string, number>;
  /** Removes what it has stored. */
  remove(): void;
}

/**
 * The embedded runtime in this process. Its keys are cached by a clock that runs twenty times as fast. Without a `network`
 * deliveries reach the functions as they do in every day's use; `faults.functions` has no effect then.
 */
export async function faultyEmbedded({ network = false } = {}): Promise<FaultyEmbedded> {
  await using release = new AsyncDisposableStack();
  const folder = temporaryFolder();
  const store = failingStore();
  const { faults, between, agent, receiver, agents } = await faultyParts(release, store);
  const outside = new Map<string, Runtime>();
  const hurried: Clock = { ...systemClock(), now: () => Date.now() * 20 };

  const local = await startEmbedded({
    settings: quickSettings({ runtime: 'embedded', dataDir: folder.path, agents }),
    log: silent,
    between: network ? between : { source: between.source },
    runtimeFor(runtime) {
      outside.set(runtime.name, runtime);
      const jwks = new URL(runtime.settings.oidc.jwksUrl);
      faults.keys.target = jwks.host;
      const url = `http://${faults.keys.host}${jwks.pathname}`;
      return {
        ...runtime,
        documents: store.documents(runtime.documents),
        messages: store.messages(runtime.messages),
        clock: { ...runtime.clock, now: () => runtime.clock.now() + (faults.skewMs[runtime.name] ?? 0) },
        tokenKeys: remoteTokenKeys({ url, clock: hurried }),
      };
    },
  });
  release.adopt(local, (it) => it.stop());
  faults.front.target = new URL(local.url).host;
  const { documents, control, messages, objects, signing } = outside.get('dispatch') as Runtime;
  const owned = release.move();
  const stack = testStack(
    { ...local, url: `http://${faults.front.host}` },
    { documents, control, messages, objects, signing },
    () => owned.disposeAsync(),
  );
  return Object.assign(stack, {
    faults,
    agent,
    receiver,
    leftInQueues: () => leftInQueues(`${folder.path}/heliograph.db`),
    remove: () => folder.remove(),
  });
}

/** Down, it refuses everything, and of the writes it refuses, a third have been done; stalled, it answers once it is up again. */
function failingStore() {
  let isDown = false;
  let stalled: PromiseWithResolvers<void> | undefined;
  const unlessDown = <A extends unknown[], T>(code: string, call: (...args: A) => Promise<T>, writes: boolean) => {
    return async (...args: A): Promise<T> => {
      await stalled?.promise;
      if (isDown && writes && Math.random() < 1 / 3) await call(...args);
      if (isDown) throw new Problem(503, code, 'The test has made the store unreachable.');
      return call(...args);
    };
  };
  return {
    down() {
      isDown = true;
    },
    stall() {
      stalled ??= Promise.withResolvers();
    },
    up() {
      isDown = false;
      stalled?.resolve();
      stalled = undefined;
    },
    documents: (inner: Documents): Documents => ({
      ...inner,
      get: unlessDown('store_unavailable', inner.get, false),
      query: unlessDown('store_unavailable', inner.query, false),
      commit: unlessDown('store_unavailable', inner.commit, true),
    }),
    messages: (inner: Messages): Messages => ({ ...inner, publish: unlessDown('messages_unavailable', inner.publish, true) }),
  };
}

function leftInQueues(path: string): Record<string, number> {
  const database = new DatabaseSync(path);
  try {
    const tables = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'queue_%'").all();
    const counts = tables.map(({ name }) => [String(name), database.prepare(`SELECT count(*) AS n FROM "${name}"`).get()?.n]);
    return Object.fromEntries(counts.filter(([, count]) => count !== 0));
  } finally {
    database.close();
  }
}
