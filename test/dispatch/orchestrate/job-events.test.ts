import { describeWithEmulators } from '../../support/emulators.ts';
import type { TestStack } from '../../support/stack.ts';
import { embeddedStack } from '../../support/stack-embedded.ts';
import { emulatedStack } from '../../support/stack-emulated.ts';
import { type WebhookServer, webhookServer } from '../../support/webhook-server.ts';
import { jobEvents, toldIntent } from './job-events.ts';

describe('the events of a job, embedded', function () {
  this.timeout(30_000);
  tellsEvents(embeddedStack);
});

describeWithEmulators("the events of a job, on Google's emulators", function () {
  this.timeout(90_000);
  tellsEvents(emulatedStack);
});

function tellsEvents(start: (flags: Record<string, unknown>) => Promise<TestStack>): void {
  let stack: TestStack;
  let hook: WebhookServer;
  before(async () => {
    hook = await webhookServer();
    stack = await start({ 'times.orchestrateWaitMs': 5_000, intents: [toldIntent(hook.url)] });
    // The first run of a process may outlast a lease.
    await stack.run({});
  });
  after(async () => {
    await stack?.stop();
    await hook?.close();
  });
  jobEvents(
    () => stack,
    () => hook,
  );
}
