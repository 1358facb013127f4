/** A whole Heliograph on a network, a broker, clocks and a store that can be made to fail, and to work again. */

import type { Between } from '../../emulator-bridge/local-stack.ts';
import { functionNames } from '../../emulator-bridge/local-stack.ts';
import { httpListener, type Listener } from '../support/http-listener.ts';
import type { TestStack } from '../support/stack.ts';
import { type DeliveryFaults, faultyDeliveries, noDeliveryFaults } from './faulty-deliveries.ts';
import { type TcpProxy, tcpProxy } from './tcp-proxy.ts';

export interface Faults {
  readonly deliveries: DeliveryFaults;
  /** Between the bridge and each function. */
  readonly functions: Readonly<Record<string, TcpProxy>>;
  /** Between clients and the one address. */
  readonly front: TcpProxy;
  /** Between the functions and the issuer's keys. */
  readonly keys: TcpProxy;
  readonly store: Pick<TcpProxy, 'down' | 'stall' | 'up'>;
  /** By how much a function's clock is off, in milliseconds; where functions are processes, only what they are started with counts. */
  readonly skewMs: Record<string, number>;
  /** Ends all of them. */
  heal(): void;
}

export interface FaultyStack extends TestStack {
  readonly faults: Faults;
  /** An agent of the test's own, by the name `remote`, and who gets the callbacks. */
  readonly agent: Listener;
  readonly receiver: Listener;
}

/** What the two runtimes have in common; `release` ends it. */
export async function faultyParts(release: AsyncDisposableStack, store: Faults['store']) {
  const opened = async () => release.adopt(await tcpProxy(), (it) => it.close());
  const functions: Record<string, TcpProxy> = {};
  for (const name of functionNames) functions[name] = await opened();
  const [front, keys] = [await opened(), await opened()];
  const deliveries: DeliveryFaults = { ...noDeliveryFaults, struck: 0, held: 0 };
  const faults: Faults = {
    deliveries,
    functions,
    front,
    keys,
    store,
    skewMs: {},
    heal() {
      Object.assign(deliveries, noDeliveryFaults);
      for (const proxy of [...Object.values(functions), front, keys]) {
        proxy.resets = 0;
        proxy.delayMs = () => 0;
        proxy.up();
      }
      store.up();
      for (const name in faults.skewMs) delete faults.skewMs[name];
    },
  };
  const between: Between = {
    source: (source) => faultyDeliveries(source, deliveries),
    endpoint(name, url) {
      const proxy = functions[name] as TcpProxy;
      proxy.target = new URL(url).host;
      return `http://${proxy.host}`;
    },
  };
  const agent = release.adopt(await httpListener(), (it) => it.close());
  const receiver = release.adopt(await httpListener(), (it) => it.close());
  const agents = [{ name: 'remote', endpoint: `${agent.url}/run`, priceCents: REMOTE_PRICE_CENTS }];
  return { faults, between, agent, receiver, agents };
}

/** What a run of the test's agent is quoted at, and what it reports. */
export const REMOTE_PRICE_CENTS = 3;
export const REMOTE_COST_CENTS = 2;
