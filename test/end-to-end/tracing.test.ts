import type { Runtime } from '../../functions/core/runtime.ts';
import { httpListener, type Listener } from '../support/http-listener.ts';
import type { TestStack } from '../support/stack.ts';
import { embeddedStack } from '../support/stack-embedded.ts';
import { type Published, tracing } from './tracing.ts';

describe('one trace, embedded', function () {
  this.timeout(60_000);
  const published: Published[] = [];
  let stack: TestStack;
  let peer: Listener;
  before(async () => {
    peer = await httpListener();
    stack = await embeddedStack(
      {
        agents: [{ name: 'remote', endpoint: `${peer.url}/run`, priceCents: 1 }],
        intents: [{ name: 'traced.run', mode: 'flow', target: `${peer.url}/flow` }],
      },
      noting,
    );
  });
  after(async () => {
    await stack.stop();
    await peer.close();
  });

  function noting(runtime: Runtime): Runtime {
    const { messages } = runtime;
    const publish: typeof messages.publish = (topic, message) => {
      published.push({ topic, attributes: message.attributes });
      return messages.publish(topic, message);
    };
    return { ...runtime, messages: { ...messages, publish } };
  }

  tracing(
    () => stack,
    () => peer,
    () => published,
  );
});
