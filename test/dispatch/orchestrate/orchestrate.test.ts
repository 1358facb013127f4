import { describeWithEmulators } from '../../support/emulators.ts';
import type { TestStack } from '../../support/stack.ts';
import { embeddedStack } from '../../support/stack-embedded.ts';
import { emulatedStack } from '../../support/stack-emulated.ts';
import { intents } from './intents.ts';
import { jobs } from './jobs.ts';
import { WAIT_MS, type Webhook, webhook } from './webhook.ts';

describe('/orchestrate, embedded', function () {
  this.timeout(60_000);
  orchestrates(embeddedStack);
});

describeWithEmulators("/orchestrate, on Google's emulators", function () {
  this.timeout(90_000);
  orchestrates(emulatedStack);
});

/** What has to be the same on every runtime. */
function orchestrates(start: (flags: Record<string, unknown>) => Promise<TestStack>): void {
  let stack: TestStack;
  let hook: Webhook;
  before(async () => {
    hook = await webhook();
    stack = await start({
      'times.orchestrateWaitMs': WAIT_MS,
      'times.agentsCacheMs': 200,
      intents: [...hook.intents, { ...hook.intents[0], name: 'reactor.shutdown', dangerous: true }],
      dangerousIntents: ['reactor.shutdown'],
    });
    // The first run of a process may outlast the wait.
    await stack.post('/orchestrate', { intent: 'slack.summarize', inputs: { warm: true } });
    await stack.run({});
  });
  after(async () => {
    await stack?.stop();
    await hook?.close();
  });

  describe('a job', () =>
    jobs(
      () => stack,
      () => hook,
    ));
  describe('an intent', () =>
    intents(
      () => stack,
      () => hook,
    ));
}
