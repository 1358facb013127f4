import { describeWithEmulators } from '../support/emulators.ts';
import { httpListener, type Listener } from '../support/http-listener.ts';
import { type EmulatedTestStack, emulatedStack } from '../support/stack-emulated.ts';
import { scraping } from './scraping.ts';

describeWithEmulators("metrics, one process per function on Google's emulators", function () {
  this.timeout(90_000);
  let stack: EmulatedTestStack;
  let peer: Listener;
  before(async () => {
    peer = await httpListener();
    stack = await emulatedStack({ agents: [{ name: 'remote', endpoint: `${peer.url}/run`, priceCents: 1 }] });
  });
  after(async () => {
    await stack?.stop();
    await peer?.close();
  });

  scraping(
    () => stack,
    () => peer,
  );
});
