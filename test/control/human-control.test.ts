import { describeWithEmulators } from '../support/emulators.ts';
import { temporaryFolder } from '../support/folder.ts';
import { type GatedAgent, gatedAgent } from '../support/gated-agent.ts';
import type { TestStack } from '../support/stack.ts';
import { embeddedStack } from '../support/stack-embedded.ts';
import { emulatedStack } from '../support/stack-emulated.ts';
import { approving } from './approving.ts';
import { looking } from './looking.ts';
import { modifying } from './modifying.ts';
import { pausing, SWITCHES_MS } from './pausing.ts';
import { stopping } from './stopping.ts';

const QUICK = { 'times.switchesMs': SWITCHES_MS, 'times.waitingMaximumMs': 1_000 };

describe('human control, embedded', function () {
  this.timeout(60_000);
  underPeople(embeddedStack);
});

describeWithEmulators("human control, on Google's emulators", function () {
  this.timeout(90_000);
  underPeople(emulatedStack);
});

/** What has to be the same on every runtime. */
function underPeople(start: (flags: Record<string, unknown>) => Promise<TestStack>): void {
  const root = temporaryFolder();
  let stack: TestStack;
  let agent: GatedAgent;
  before(async () => {
    agent = await gatedAgent();
    stack = await start({ ...QUICK, agents: [agent.row], projectRoots: [root.path] });
    // The first run of a process may outlast a lease.
    await Promise.all([stack.run({}), stack.run({ agent: 'codex' })]);
  });
  after(async () => {
    await stack?.stop();
    await agent?.close();
    root.remove();
  });
  const both = [() => stack, () => agent] as const;

  describe('a pause', () => pausing(...both));
  describe('an emergency stop', () => stopping(...both));
  describe('an approval', () => approving(both[0]));
  describe('a modification', () => modifying(...both, () => root.path));
  describe('the state of the system', () => looking(...both));
}
