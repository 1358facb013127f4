/** Watches where this process connects to, at the socket, and keeps it from leaving the machine. */

import { type LookupFunction, Socket } from 'node:net';

export interface Connections {
  /** Addresses that a connection was tried to, in order: those of the machine itself as they were tried, others as they would have been. */
  readonly tried: string[];
  restore(): void;
}

const OWN = /^(127\.|::1$|0\.0\.0\.0$|::$|::ffff:127\.)/;

/**
 * From now on every socket of this process, TLS too, is watched. One that looks its host up and is given an address beyond this
 * machine is refused (`ENETUNREACH`) before it sends anything, with all the addresses it was given counted as tried.
 */
export function watchConnections(): Connections {
  const { connect } = Socket.prototype;
  const tried: string[] = [];
  Socket.prototype.connect = function (this: Socket, ...values: unknown[]) {
    this.on('connectionAttempt', (address: string) => tried.push(address));
    const [first] = Array.isArray(values[0]) ? values[0] : values;
    const options = first as { lookup?: LookupFunction };
    if (typeof options?.lookup === 'function') options.lookup = watched(options.lookup, tried);
    return connect.apply(this, values as never);
  } as typeof connect;
  return {
    tried,
    restore() {
      Socket.prototype.connect = connect;
    },
  };
}

function watched(lookup: LookupFunction, tried: string[]): LookupFunction {
  return (host, options, callback) =>
    lookup(host, options, (error, found, family) => {
      const addresses = (Array.isArray(found) ? found.map(({ address }) => address) : [found]).filter(Boolean);
      if (error || addresses.every((address) => OWN.test(address))) {
        callback(error, found, family);
      } else {
        tried.push(...addresses);
        callback(Object.assign(new Error('kept on this machine'), { code: 'ENETUNREACH' }), found, family);
      }
    });
}
