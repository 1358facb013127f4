import { describeWithEmulators } from '../../support/emulators.ts';
import type { TestStack } from '../../support/stack.ts';
import { embeddedStack } from '../../support/stack-embedded.ts';
import { emulatedStack } from '../../support/stack-emulated.ts';
import { type WebhookServer, webhookServer } from '../../support/webhook-server.ts';
import { lateAnswers, lateIntent } from './late-answers.ts';

describe('the late answer of a flow, embedded', function () {
  this.timeout(30_000);
  comeLate(embeddedStack);
});

describeWithEmulators("the late answer of a flow, on Google's emulators", function () {
  this.timeout(90_000);
  comeLate(emulatedStack);
});

function comeLate(start: (flags: Record<string, unknown>) => Promise<TestStack>): void {
  let stack: TestStack;
  let hook: WebhookServer;
  before(async () => {
    hook = await webhookServer();
    stack = await start({ 'times.orchestrateWaitMs': 500, intents: [lateIntent(hook.url)] });
    // The first run of a process may outlast a lease.
    await stack.run({});
  });
  after(async () => {
    await stack?.stop();
    await hook?.close();
  });
  lateAnswers(
    () => stack,
    () => hook,
  );
}
