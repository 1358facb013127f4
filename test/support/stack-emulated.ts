import { randomBytes } from 'node:crypto';
import { startEmulated } from '../../emulator-bridge/emulated.ts';
import { remoteParts } from '../../functions/adapters/remote-parts.ts';
import { temporaryFolder } from './folder.ts';
import { quickSettings, silent, type TestStack, testStack } from './stack.ts';

export interface EmulatedTestStack extends TestStack {
  /** What the functions' processes have written, for a failed test to show. */
  readonly lines: readonly string[];
}

/** Starts the emulator runtime: one process per function. Inside `describeWithEmulators`; a project of its own keeps stacks apart. */
export async function emulatedStack(flags: Readonly<Record<string, unknown>> = {}): Promise<EmulatedTestStack> {
  const folder = temporaryFolder();
  const project = `heliograph-${randomBytes(4).toString('hex')}`;
  const settings = quickSettings({ runtime: 'emulators', dataDir: folder.path, project, logLevel: 'warn', ...flags });
  const lines: string[] = [];
  const local = await startEmulated({ settings, log: silent, onLine: (name, line) => lines.push(`${name} | ${line}`) });
  const parts = await remoteParts(local.settings);
  const stop = async () => {
    await parts.messages.close();
    await parts.documents.close();
    await parts.control.close();
    await local.stop();
    folder.remove();
  };
  return Object.assign(testStack(local, parts, stop), { lines });
}
