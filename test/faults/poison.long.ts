import { describeWithEmulators } from '../support/emulators.ts';
import { httpListener, type Listener } from '../support/http-listener.ts';
import type { TestStack } from '../support/stack.ts';
import { embeddedStack } from '../support/stack-embedded.ts';
import { emulatedStack } from '../support/stack-emulated.ts';
import { REMOTE_PRICE_CENTS } from './faulty-stack.ts';
import { comparePoison } from './poison.ts';

describe('poison beside a load on the embedded runtime', () => compare(embeddedStack, 1_500));

describeWithEmulators('poison beside a load on the emulator runtime', () => compare(emulatedStack, 500));

function compare(start: (flags: Readonly<Record<string, unknown>>) => Promise<TestStack>, count: number): void {
  let stack: TestStack;
  let agent: Listener;
  let receiver: Listener;
  before(async function () {
    this.timeout(90_000);
    agent = await httpListener();
    receiver = await httpListener();
    stack = await start({ agents: [{ name: 'remote', endpoint: `${agent.url}/run`, priceCents: REMOTE_PRICE_CENTS }] });
  });
  after(async () => {
    await stack?.stop();
    await agent?.close();
    await receiver?.close();
  });

  it(`leaves its neighbours alone: ${count} tasks a round`, async function () {
    this.timeout(480_000);
    await comparePoison(stack, agent, receiver, count);
  });
}
