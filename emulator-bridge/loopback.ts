/** HTTP servers on loopback: everything that the bridge opens is reachable from this machine alone. */

import { randomInt } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export const LOOPBACK = '127.0.0.1';

/** Listens on loopback; port 0 picks a free one. Resolves with the port; rejects with Node's error (`EADDRINUSE`). */
export function listenLoopback(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, LOOPBACK, () => {
      server.off('error', reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

/** Stops accepting, lets running requests end for `graceMs`, then cuts what is left. Resolves when every socket is closed. */
export async function closeServer(server: Server, graceMs = 0): Promise<void> {
  if (!server.listening) return;
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  if (graceMs > 0) {
    const cut = setTimeout(() => server.closeAllConnections(), graceMs);
    // A kept connection whose request has just ended would otherwise stay for the keep-alive time.
    const idle = setInterval(() => server.closeIdleConnections(), 20);
    await closed;
    clearTimeout(cut);
    clearInterval(idle);
    return;
  }
  server.closeAllConnections();
  await closed;
}

/**
 * `count` different ports that were free a moment ago, for programs that cannot be told to pick their own. They lie below the
 * range that systems hand out themselves, so that no connection of somebody else's takes one before it is used, or while a
 * killed process is started again on it.
 */
export async function freePorts(count: number): Promise<number[]> {
  const probes: Server[] = [];
  try {
    while (probes.length < count) {
      const probe = createServer();
      const port = randomInt(20_000, 32_000);
      const free = await listenLoopback(probe, port).then(
        () => true,
        () => false,
      );
      if (free) probes.push(probe);
    }
    return probes.map((probe) => (probe.address() as AddressInfo).port);
  } finally {
    await Promise.all(probes.map((probe) => closeServer(probe)));
  }
}
