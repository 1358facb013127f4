import { startEmbedded } from '../../emulator-bridge/embedded.ts';
import { type Counts, countingDocuments, countingMessages } from '../../functions/adapters/counting.ts';
import type { Messages } from '../../functions/core/ports.ts';
import type { Runtime } from '../../functions/core/runtime.ts';
import { temporaryFolder } from './folder.ts';
import { quickSettings, silent, type TestStack, testStack } from './stack.ts';

/** What becomes of a publish: it goes out, is lost without a word, or fails. */
export type Fate = 'out' | 'lost' | 'failed';

export interface EmbeddedTestStack extends TestStack {
  /** Documents read and written and messages published by the functions so far. */
  readonly counts: Counts;
  /** Decides on each publish of a function; by default all go out. */
  fate: (topic: string, from: string) => Fate;
  /** A function's own runtime. */
  runtime(name: string): Runtime;
}

/**
 * Starts the embedded runtime in this process, on a folder that goes with it unless `dataDir` is given. `change` may replace a
 * port of a function's runtime by another real one.
 */
export async function embeddedStack(
  flags: Readonly<Record<string, unknown>> = {},
  change: (runtime: Runtime) => Runtime = (runtime) => runtime,
): Promise<EmbeddedTestStack> {
  const folder = temporaryFolder();
  const settings = quickSettings({ runtime: 'embedded', dataDir: folder.path, ...flags });
  const counts: Counts = { reads: 0, writes: 0, publishes: 0 };
  const runtimes = new Map<string, Runtime>();
  const outside = new Map<string, Runtime>();

  const local = await startEmbedded({
    settings,
    log: silent,
    runtimeFor(made) {
      const runtime = change(made);
      const counted: Runtime = {
        ...runtime,
        documents: countingDocuments(runtime.documents, counts),
        control: countingDocuments(runtime.control, counts),
        messages: fated(runtime.name, countingMessages(runtime.messages, counts)),
      };
      outside.set(runtime.name, runtime);
      runtimes.set(runtime.name, counted);
      return counted;
    },
  });
  const { documents, control, messages, objects, signing } = outside.get('dispatch') as Runtime;
  const stop = async () => {
    await local.stop();
    folder.remove();
  };
  const stack: EmbeddedTestStack = Object.assign(testStack(local, { documents, control, messages, objects, signing }, stop), {
    counts,
    fate: (): Fate => 'out',
    runtime: (name: string) => runtimes.get(name) as Runtime,
  });
  return stack;

  function fated(from: string, inner: Messages): Messages {
    return {
      ...inner,
      async publish(topic, message) {
        const fate = stack.fate(topic, from);
        if (fate === 'failed') throw new Error(`The test lets publishing on ${topic} fail.`);
        return fate === 'lost' ? '0' : inner.publish(topic, message);
      },
    };
  }
}
