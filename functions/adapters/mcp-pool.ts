/** Sessions with one server: so many at most, kept for a while, each lent to one at a time. */

import { Problem } from '../core/errors.ts';
import type { McpSession } from '../core/ports.ts';

export interface PooledSession extends McpSession {
  /** Whether it is of no more use: its server has gone, or still works at what nobody waits for any more. */
  isBroken(): boolean;
  /** Calls back when that happens. */
  onBroken(run: () => void): void;
  close(): Promise<void>;
}

export interface SessionPool {
  /** A session, once there is one; those who wait get theirs in the order of their coming. Throws the signal's reason. */
  lend(signal: AbortSignal): Promise<PooledSession>;
  giveBack(session: PooledSession): void;
  /** Ends all, also those that are lent or just starting. */
  close(): Promise<void>;
}

interface Waiter {
  resolve(session: PooledSession): void;
  reject(reason: unknown): void;
}

/** `open` starts one; its signal aborts when the pool is closed. One that is closing counts until it has ended. */
export function sessionPool(
  open: (signal: AbortSignal) => Promise<PooledSession>,
  { most, idleMs }: { readonly most: number; readonly idleMs: number },
): SessionPool {
  const sessions = new Set<PooledSession>();
  const idle = new Map<PooledSession, NodeJS.Timeout>();
  const starting = new Set<Promise<void>>();
  const ending = new Set<Promise<void>>();
  const waiting: Waiter[] = [];
  const closed = new AbortController();

  function serve(): void {
    for (const [session] of [...idle].reverse()) if (waiting.length > 0) waiting.shift()?.resolve(taken(session));
    while (starting.size < waiting.length && sessions.size + starting.size < most) start();
  }

  function taken(session: PooledSession): PooledSession {
    clearTimeout(idle.get(session));
    idle.delete(session);
    return session;
  }

  function start(): void {
    const started = open(closed.signal).then(
      (session) => {
        starting.delete(started);
        sessions.add(session);
        session.onBroken(() => idle.has(session) && end(taken(session)));
        keep(session);
      },
      (error: unknown) => {
        starting.delete(started);
        waiting.shift()?.reject(error);
        serve();
      },
    );
    starting.add(started);
  }

  function keep(session: PooledSession): void {
    if (closed.signal.aborted || session.isBroken()) {
      end(session);
      return;
    }
    idle.set(session, setTimeout(() => end(taken(session)), idleMs).unref());
    serve();
  }

  function end(session: PooledSession): void {
    const ended = session.close().finally(() => {
      sessions.delete(session);
      ending.delete(ended);
      serve();
    });
    ending.add(ended);
  }

  return {
    async lend(signal) {
      signal.throwIfAborted();
      closed.signal.throwIfAborted();
      const { promise, ...waiter } = Promise.withResolvers<PooledSession>();
      const giveUp = () => {
        const place = waiting.indexOf(waiter);
        if (place !== -1) waiting.splice(place, 1);
        waiter.reject(signal.reason);
      };
      waiting.push(waiter);
      signal.addEventListener('abort', giveUp, { once: true });
      serve();
      return promise.finally(() => signal.removeEventListener('abort', giveUp));
    },
    giveBack: keep,
    async close() {
      const reason = new Problem(503, 'shutting_down', 'This instance is shutting down.');
      closed.abort(reason);
      for (const waiter of waiting.splice(0)) waiter.reject(reason);
      await Promise.all(starting);
      const lent = [...sessions].filter((session) => !idle.has(session));
      for (const session of [...idle.keys()].map(taken)) end(session);
      await Promise.all([...ending, ...lent.map((session) => session.close())]);
    },
  };
}
