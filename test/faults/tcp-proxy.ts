import { randomInt } from 'node:crypto';
import { connect, createServer, type Socket } from 'node:net';

/** A network between two parties, which can be made bad and well again while both talk. */
export interface TcpProxy {
  /** `host:port` to connect to. */
  readonly host: string;
  /** `host:port` behind it; may be set after the start. */
  target: string;
  /** The share of the packets, in either direction, at which the connection is reset; the packet itself is lost. */
  resets: number;
  /** How long each packet is under way. */
  delayMs: () => number;
  readonly counts: { connections: number; packets: number; resets: number };
  /** Resets everything and refuses what is new, until it is up again. */
  down(): void;
  /** Lets nothing through and tells nobody, until it is up again. */
  stall(): void;
  up(): void;
  close(): Promise<void>;
}

/** Listens on loopback. */
export async function tcpProxy(target = ''): Promise<TcpProxy> {
  const links = new Set<Link>();
  let state: 'up' | 'down' | 'stalled' = 'up';
  const server = createServer((client) => {
    proxy.counts.connections += 1;
    if (state === 'down') resetOrDestroy(client);
    else links.add(link(client));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  function link(client: Socket): Link {
    const [host, port] = proxy.target.split(':');
    const upstream = connect(Number(port), host);
    const timers = new Set<NodeJS.Timeout>();
    const own: Link = { client, upstream, reset };
    function reset(): void {
      links.delete(own);
      for (const timer of timers) clearTimeout(timer);
      for (const socket of [client, upstream]) resetOrDestroy(socket);
    }
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      let lastAt = 0;
      /** In the order of their coming, however long each takes. */
      const later = (run: () => void): void => {
        const now = Date.now();
        lastAt = Math.max(lastAt, now + proxy.delayMs());
        if (lastAt <= now) {
          run();
          return;
        }
        const timer = setTimeout(() => {
          timers.delete(timer);
          run();
        }, lastAt - now);
        timers.add(timer);
      };
      from.setNoDelay(true);
      from.on('data', (packet) => {
        proxy.counts.packets += 1;
        if (proxy.resets > 0 && randomInt(1_000_000) < proxy.resets * 1_000_000) {
          proxy.counts.resets += 1;
          reset();
        } else later(() => to.write(packet));
      });
      from.on('end', () => later(() => to.end()));
      from.on('error', reset);
      from.on('close', () => later(() => to.destroySoon()));
      if (state === 'stalled') from.pause();
    }
    client.once('close', () => links.delete(own));
    return own;
  }

  const proxy: TcpProxy = {
    host: `127.0.0.1:${(server.address() as { port: number }).port}`,
    target,
    resets: 0,
    delayMs: () => 0,
    counts: { connections: 0, packets: 0, resets: 0 },
    down() {
      state = 'down';
      for (const each of [...links]) each.reset();
    },
    stall() {
      state = 'stalled';
      for (const { client, upstream } of links) for (const socket of [client, upstream]) socket.pause();
    },
    up() {
      state = 'up';
      for (const { client, upstream } of links) for (const socket of [client, upstream]) socket.resume();
    },
    async close() {
      for (const each of [...links]) each.reset();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}

interface Link {
  readonly client: Socket;
  readonly upstream: Socket;
  readonly reset: () => void;
}

/**
 * Resets a connection, unless this side is already saying its end: Node's reset then fails with EINVAL and keeps the handle for ever,
 * and the process, when it has nothing left to do, turns round in its own clean-up without end.
 */
export function resetOrDestroy(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}
