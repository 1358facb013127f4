import { httpListener, type Listener } from '../support/http-listener.ts';
import type { TestStack } from '../support/stack.ts';
import { embeddedStack } from '../support/stack-embedded.ts';
import { waysOfATask } from './way-of-a-task.ts';

describe('the whole way of a task, embedded', function () {
  this.timeout(30_000);
  let stack: TestStack;
  let agent: Listener;
  before(async () => {
    agent = await httpListener(() => ({ status: 200, body: { status: 'succeeded', result: {}, costCents: 1 } }));
    stack = await embeddedStack({ agents: [{ name: 'remote', endpoint: `${agent.url}/run`, priceCents: 3 }] });
  });
  after(async () => {
    await stack.stop();
    await agent.close();
  });
  waysOfATask(
    () => stack,
    () => agent,
  );
});
