import type { Clock, Delivery, Subscriptions } from '../core/ports.ts';
import { compileFilter } from '../core/subscription-filter.ts';
import type { DeliveryRow } from '../topology.ts';
import { type Backoff, backoffMs, deadLetterAttributes } from './redelivery.ts';
import type { Database } from './sqlite-database.ts';
import { freshMessages } from './sqlite-fresh-messages.ts';
import { type QueuedMessage, queueTable } from './sqlite-queue-table.ts';

/** One subscription's backlog, in a table of its own. */
export interface QueueSubscription {
  admits(attributes: Readonly<Record<string, string>>): boolean;
  /** Only inside a write. */
  insert(message: QueuedMessage): void;
  pull(maxOutstanding: number, onDelivery: (delivery: Delivery) => void): ReturnType<Subscriptions['pull']>;
  /** Hands out what is committed and due, as far as the consumers have room. Cheap where nothing has changed. */
  deliver(): void;
  /** Drops up to `limit` of the oldest messages that are past the retention. */
  prune(limit: number): void;
  /** Ends it, and drops all that waits. Only inside a write. */
  drop(): void;
  close(): void;
}

export interface SubscriptionContext {
  readonly database: Database;
  readonly clock: Clock;
  readonly name: string;
  readonly row: DeliveryRow;
  readonly backoff: Backoff;
  readonly projectId: string;
  /** Publishes inside the running write. */
  readonly insert: (topic: string, data: Buffer, attributes: Readonly<Record<string, string>>) => string;
}

interface Consumer {
  room: number;
  readonly onDelivery: (delivery: Delivery) => void;
  readonly unanswered: Set<number>;
}

/** A nacked message carries the time it is due. Those being delivered are known to memory alone, so a restart delivers them again. */
export function openSubscription(context: SubscriptionContext): QueueSubscription {
  const { database, clock, name, row, backoff } = context;
  const table = queueTable(database, name);
  const fresh = freshMessages(database, table);
  const admits = compileFilter(row.filter);
  const consumers = new Set<Consumer>();
  const outstanding = new Map<number, Consumer>();
  let nextDue = table.nextDue() ?? Number.POSITIVE_INFINITY;
  let changed = true;
  let cancelTimer = () => {};
  let closed = false;

  const wake = (): void => {
    changed = true;
    deliver();
  };

  /** Undelivers: the next `deliver` finds the message again. */
  const giveBack = (sequence: number): void => {
    outstanding.delete(sequence);
    fresh.giveBack(sequence);
    nextDue = 0;
    changed = true;
  };

  const nack = (message: QueuedMessage): void => {
    fresh.store(message);
    const attempt = message.nacks + 1;
    if (row.deadLetter && attempt >= row.deadLetter.maxDeliveryAttempts) {
      table.remove(message.sequence);
      const origin = { subscription: name, projectId: context.projectId, publishTime: message.publishTime, deliveries: attempt };
      const attributes = { ...message.attributes, ...deadLetterAttributes(origin) };
      context.insert(row.deadLetter.topic, message.data, attributes);
      return;
    }
    const dueAt = clock.now() + backoffMs(backoff, attempt);
    table.delay(message.sequence, attempt, dueAt);
    nextDue = Math.min(nextDue, dueAt);
  };

  const ack = (message: QueuedMessage, consumer: Consumer): void => {
    if (!answered(message, consumer)) return;
    if (fresh.forget(message.sequence)) outstanding.delete(message.sequence);
    else record(message, () => table.remove(message.sequence));
  };

  const answered = ({ sequence }: QueuedMessage, consumer: Consumer): boolean => {
    if (!consumer.unanswered.delete(sequence)) return false;
    consumer.room += 1;
    // A consumer that was full may have left messages waiting, and the commit that would bring them may be some time off.
    if (consumer.room === 1) queueMicrotask(wake);
    return true;
  };

  /** Lost in a crash, an answer only repeats a delivery. */
  const record = (message: QueuedMessage, change: () => void, undoable?: 'undoable'): void => {
    const settled = database.writeLazily(() => {
      change();
      outstanding.delete(message.sequence);
      changed = true;
    }, undoable);
    settled.catch(() => {
      if (closed) return;
      giveBack(message.sequence);
      cancelTimer();
      cancelTimer = clock.after(backoff.minimumMs, wake);
    });
  };

  const hand = (message: QueuedMessage, consumer: Consumer): void => {
    consumer.room -= 1;
    consumer.unanswered.add(message.sequence);
    outstanding.set(message.sequence, consumer);
    consumer.onDelivery({
      messageId: String(message.sequence),
      data: message.data,
      attributes: message.attributes,
      publishTime: message.publishTime,
      deliveryAttempt: message.nacks + 1,
      ack: () => ack(message, consumer),
      nack: () => {
        if (answered(message, consumer)) record(message, () => nack(message), 'undoable');
      },
    });
  };

  const collect = (room: number): QueuedMessage[] => {
    const messages: QueuedMessage[] = [];
    const now = clock.now();
    if (now >= nextDue) {
      const due = table.due(now, room + outstanding.size).filter((sequence) => !outstanding.has(sequence));
      for (const sequence of due.slice(0, room)) {
        const message = table.get(sequence);
        if (message) messages.push(message);
      }
      nextDue = due.length > room ? now : (table.nextDue(now) ?? Number.POSITIVE_INFINITY);
    }
    messages.push(...fresh.take(room - messages.length, (sequence) => outstanding.has(sequence)));
    return messages;
  };

  const deliver = (): void => {
    if (!changed || closed) return;
    // Called again when the newest messages have become visible.
    changed = fresh.isBehind();
    const ready = [...consumers].filter(({ room }) => room > 0);
    const room = ready.reduce((sum, consumer) => sum + consumer.room, 0);
    if (room === 0) return;
    const oldest = clock.now() - row.retentionSeconds * 1000;
    for (const message of collect(room)) {
      const consumer = ready.find((one) => one.room > 0) as Consumer;
      if (message.publishTime >= oldest) hand(message, consumer);
      else database.write(() => table.remove(message.sequence)).catch(() => giveBack(message.sequence));
    }
    cancelTimer();
    if (nextDue !== Number.POSITIVE_INFINITY) cancelTimer = clock.after(Math.max(nextDue - clock.now(), 1), wake);
  };

  return {
    admits,
    deliver,

    insert(message) {
      fresh.insert(message);
      changed = true;
    },

    pull(maxOutstanding, onDelivery) {
      const consumer: Consumer = { room: maxOutstanding, onDelivery, unanswered: new Set() };
      consumers.add(consumer);
      queueMicrotask(wake);
      return async () => {
        consumers.delete(consumer);
        for (const sequence of consumer.unanswered) giveBack(sequence);
        consumer.unanswered.clear();
        wake();
      };
    },

    prune(limit) {
      const before = clock.now() - row.retentionSeconds * 1000;
      // What could not be dropped now is found again by the next round.
      database.write(() => table.removeBefore(before, limit)).catch(() => {});
    },

    drop() {
      // What was put off until the commit would find no table.
      database.runDeferred();
      table.drop();
      closed = true;
      cancelTimer();
    },

    close() {
      closed = true;
      cancelTimer();
    },
  };
}
