import { describeWithEmulators } from '../support/emulators.ts';
import { type GatedAgent, gatedAgent } from '../support/gated-agent.ts';
import type { TestStack } from '../support/stack.ts';
import { embeddedStack } from '../support/stack-embedded.ts';
import { emulatedStack } from '../support/stack-emulated.ts';
import { approving } from './approving.ts';
import { looking } from './looking.ts';
import { pausing, SWITCHES_MS } from './pausing.ts';
import { stopping } from './stopping.ts';

const QUICK = { 'times.switchesMs': SWITCHES_MS, 'times.waitingMaximumMs': 1_000 };

describe('human control, embedded', function () {
  this.timeout(60_000);
  underPeople((agent) => embeddedStack({ ...QUICK, agents: [agent.row] }));
});

describeWithEmulators("human control, on Google's emulators", function () {
  this.timeout(90_000);
  underPeople((agent) => emulatedStack({ ...QUICK, agents: [agent.row] }));
});

/** What has to be the same on every runtime. */
function underPeople(start: (agent: GatedAgent) => Promise<TestStack>): void {
  let stack: TestStack;
  let agent: GatedAgent;
  before(async () => {
    agent = await gatedAgent();
    stack = await start(agent);
    // The first run of a process may outlast a lease.
    await Promise.all([stack.run({}), stack.run({ agent: 'codex' })]);
  });
  after(async () => {
    await stack?.stop();
    await agent?.close();
  });
  const both = [() => stack, () => agent] as const;

  describe('a pause', () => pausing(...both));
  describe('an emergency stop', () => stopping(...both));
  describe('an approval', () => approving(both[0]));
  describe('the state of the system', () => looking(...both));
}
