import { describeWithEmulators } from '../support/emulators.ts';
import { httpListener, type Listener } from '../support/http-listener.ts';
import { RELAY_CENTS } from '../support/stack-batch.ts';
import { type EmulatedTestStack, emulatedStack } from '../support/stack-emulated.ts';
import { killEachFunction } from './killed-emulated.ts';

describeWithEmulators('kill -9 of each function, round after round', () => {
  let stack: EmulatedTestStack;
  let agent: Listener;
  let receiver: Listener;

  before(async function () {
    this.timeout(90_000);
    agent = await httpListener();
    receiver = await httpListener();
    stack = await emulatedStack({ agents: [{ name: 'remote', endpoint: `${agent.url}/run`, priceCents: RELAY_CENTS }] });
  });
  after(async () => {
    await stack?.stop();
    await agent?.close();
    await receiver?.close();
  });

  for (let round = 1; round <= 3; round++) {
    it(`batch ${round}: 500 mixed tasks, each of the functions killed twice`, () =>
      killEachFunction(stack, agent, receiver, { name: `batch ${round}`, count: 500, rounds: 2 }));
  }
});
