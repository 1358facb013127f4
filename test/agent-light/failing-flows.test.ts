import { describeWithEmulators } from '../support/emulators.ts';
import type { TestStack } from '../support/stack.ts';
import { embeddedStack } from '../support/stack-embedded.ts';
import { emulatedStack } from '../support/stack-emulated.ts';
import { type WebhookServer, webhookServer } from '../support/webhook-server.ts';
import { failingFlows, flowsFail } from './failing-flows.ts';

describe('a flow, embedded', function () {
  this.timeout(60_000);
  fails(embeddedStack, 4_000);
});

describeWithEmulators("a flow, on Google's emulators", function () {
  this.timeout(120_000);
  // Each step takes longer there, the more so on a busy machine.
  fails(emulatedStack, 20_000);
});

function fails(start: (flags: Record<string, unknown>) => Promise<TestStack>, openMs: number): void {
  let stack: TestStack;
  let hook: WebhookServer;
  before(async () => {
    hook = await webhookServer();
    stack = await start(failingFlows(hook.url, openMs));
    // The first run of a process may outlast a lease.
    await stack.run({});
  });
  after(async () => {
    await stack?.stop();
    await hook?.close();
  });
  flowsFail(
    () => stack,
    () => hook,
    openMs,
  );
}
