import type { IncomingMessage } from 'node:http';
import { type Hashes, newHashes } from './hashes.ts';
import type { Site } from './site.ts';

/** What this process knows of a session: the request that writes, and the checksums of the first `size` bytes. */
export interface Running {
  /** Until its turn is over: its connection may carry the next request already. */
  request: IncomingMessage | undefined;
  readonly ended: Promise<void>;
  size: number;
  hashes: Hashes;
}

/** One request writes at a time. A client that comes again has given up on the request before, which may not have noticed. */
export async function inTurn<T>(
  site: Site,
  id: string,
  request: IncomingMessage,
  work: (running: Running) => Promise<T>,
): Promise<T> {
  const before = site.running.get(id);
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const running: Running = { request, ended, size: 0, hashes: newHashes() };
  site.running.set(id, running);
  before?.request?.destroy();
  await before?.ended;
  if (before !== undefined) Object.assign(running, { size: before.size, hashes: before.hashes });
  try {
    return await work(running);
  } finally {
    running.request = undefined;
    // Also what was said of a session that never began.
    if (running.size === 0 && site.running.get(id) === running) site.running.delete(id);
    end();
  }
}
