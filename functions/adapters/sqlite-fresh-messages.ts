import type { Database } from './sqlite-database.ts';
import type { QueuedMessage, queueTable } from './sqlite-queue-table.ts';

/** The messages of one subscription that wait for their first delivery. */
export interface FreshMessages {
  /** Only inside a write. */
  insert(message: QueuedMessage): void;
  /** The next ones that are visible, at most `room`, in their order. Those that `isOut` names are being delivered already. */
  take(room: number, isOut: (sequence: number) => boolean): QueuedMessage[];
  /** Whether the newest one is not visible yet. */
  isBehind(): boolean;
  /** Has a message that was taken come again. */
  giveBack(sequence: number): void;
  /** Forgets a message that is not stored yet; says whether that was so. */
  forget(sequence: number): boolean;
  /** Stores a message that is not stored yet, so that it can be changed. Only inside a write. */
  store(message: QueuedMessage): void;
}

/**
 * They are found by `cursor`, the last one taken, and cost no index. Where the database lets everybody go on at once, they are
 * taken from memory as they come, for as long as nothing waits on disk, and are stored with the commit: what is forgotten by then
 * never was.
 */
export function freshMessages(database: Database, table: ReturnType<typeof queueTable>): FreshMessages {
  const inMemory = database.settles === 'at once';
  /** Everything behind `cursor`, as long as it is few. */
  let recent: QueuedMessage[] | undefined;
  const unstored = new Map<number, () => boolean>();
  let cursor = 0;
  let newest = 0;

  /** What is not visible stays out: it may never be, and then nobody must have acted on it. */
  const stored = (room: number, isOut: (sequence: number) => boolean): QueuedMessage[] => {
    database.runDeferred();
    const messages: QueuedMessage[] = [];
    for (let wanted = room; wanted > 0; wanted = room - messages.length) {
      const found = table.fresh(cursor, database.visible(), wanted);
      cursor = found.at(-1)?.sequence ?? cursor;
      messages.push(...found.filter(({ sequence }) => !isOut(sequence)));
      if (found.length < wanted) {
        if (inMemory) recent = [];
        break;
      }
    }
    return messages;
  };

  return {
    insert(message) {
      newest = message.sequence;
      if (!inMemory) return table.insert(message);
      const takeBack = database.defer(() => {
        unstored.delete(message.sequence);
        table.insert(message);
      });
      unstored.set(message.sequence, takeBack);
      if (recent !== undefined && recent.length < MOST_RECENT) recent.push(message);
      else recent = undefined;
    },

    take(room, isOut) {
      if (recent === undefined) return stored(room, isOut);
      const taken = recent.splice(0, room);
      cursor = taken.at(-1)?.sequence ?? cursor;
      return taken;
    },

    isBehind: () => newest > database.visible(),

    giveBack(sequence) {
      cursor = Math.min(cursor, sequence - 1);
      recent = undefined;
    },

    forget(sequence) {
      const takeBack = unstored.get(sequence);
      unstored.delete(sequence);
      return takeBack?.() ?? false;
    },

    store(message) {
      if (this.forget(message.sequence)) table.insert(message);
    },
  };
}

const MOST_RECENT = 128;
