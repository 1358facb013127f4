import { describeWithEmulators } from '../support/emulators.ts';
import { httpListener, type Listener } from '../support/http-listener.ts';
import { type EmulatedTestStack, emulatedStack } from '../support/stack-emulated.ts';
import { killEachFunction } from './killed-emulated.ts';
import { waysOfATask } from './way-of-a-task.ts';

describeWithEmulators("the whole way of a task, one process per function on Google's emulators", () => {
  let stack: EmulatedTestStack;
  let agent: Listener;
  let receiver: Listener;

  before(async function () {
    this.timeout(90_000);
    agent = await httpListener(() => ({ status: 200, body: { status: 'succeeded', result: {}, costCents: 1 } }));
    receiver = await httpListener();
    stack = await emulatedStack({ agents: [{ name: 'remote', endpoint: `${agent.url}/run`, priceCents: 3 }] });
  });
  after(async function () {
    this.timeout(30_000);
    await stack?.stop();
    await agent?.close();
    await receiver?.close();
  });

  waysOfATask(
    () => stack,
    () => agent,
  );

  describe('kill -9 of each function in turn', function () {
    this.timeout(180_000);
    it('in the middle of 200 mixed tasks: nothing lost, nothing doubled, every cost exact', async () => {
      agent.answer = () => ({ status: 200, body: {} });
      await killEachFunction(stack, agent, receiver, { name: 'each', count: 200, rounds: 1 });
    });
  });
});
