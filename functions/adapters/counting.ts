import type { Documents, Messages } from '../core/ports.ts';

/** What the stores would be billed for. */
export interface Counts {
  /** Documents returned by `get` and `query`, and lookups that found none; `watch` is not counted. */
  reads: number;
  writes: number;
  publishes: number;
}

/** Counts into `counts` whatever passes to `documents`; refused commits are not counted. */
export function countingDocuments<T extends Documents>(documents: T, counts: Counts): T {
  return {
    ...documents,
    async get(collection, id) {
      counts.reads += 1;
      return documents.get(collection, id);
    },
    async commit(writes) {
      const written = await documents.commit(writes);
      counts.writes += writes.length;
      return written;
    },
    async query(collection, query) {
      const found = await documents.query(collection, query);
      // A query that finds nothing costs one read.
      counts.reads += Math.max(found.documents.length, 1);
      return found;
    },
  };
}

/** Counts into `counts` whatever is published through `messages`. */
export function countingMessages<T extends Messages>(messages: T, counts: Counts): T {
  return {
    ...messages,
    async publish(topic, message) {
      const id = await messages.publish(topic, message);
      counts.publishes += 1;
      return id;
    },
  };
}
