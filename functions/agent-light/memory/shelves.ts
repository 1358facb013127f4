/**
 * Where a tenant's memories stand. Each is a document; what a search and a list look at (tags, times, counted words) stands on
 * shelves, 32 to a tenant, so that all of it is read with 32 documents at most. A tenant whose shelves are full stores nothing more:
 * a search that left something out would not be one.
 */

import { RetryableError, TerminalError } from '../../core/errors.ts';
import { hashedId } from '../../core/hashed-id.ts';
import { type Fields, PreconditionFailed, type Stored, type Write } from '../../core/ports.ts';
import type { Runtime } from '../../core/runtime.ts';
import type { JsonObject } from '../../core/task.ts';
import { countedWords, wordsOf } from './words.ts';

const MEMORIES = 'memories';
const SHELVES = 'memory-shelves';

const SHELF_COUNT = 32;
/** Firestore takes a document of 1 MiB. */
const SHELF_BYTES = 524_288;
const WORD_BYTES = 98_304;
/** At most 2 MiB, whoever else searches in the same process. */
const SHELVES_AT_ONCE = 4;
const MAX_TRIES = 10;

type Store = Pick<Runtime, 'documents' | 'clock'>;

/** The document of a memory. */
export interface Memory {
  readonly tenant: string;
  readonly text: string;
  readonly tags: readonly string[];
  readonly metadata?: JsonObject;
  readonly shelf: number;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
}

/** What a shelf says of a memory. */
export interface Shelved {
  readonly id: string;
  readonly at: number;
  readonly tags: readonly string[];
  /** In words. */
  readonly length: number;
}

interface Shelf {
  readonly tenant: string;
  readonly shelf: number;
  readonly bytes: number;
  readonly items: readonly Shelved[];
  readonly words: readonly { readonly id: string; readonly counted: string }[];
}

/**
 * Stores a memory once for an `effectId`, however often it is called; gives it as it is stored. 1 read and 2 writes, where no other
 * call is at the same shelf. Throws `TerminalError` `memory_full`.
 */
export async function storeMemory(
  { documents, clock }: Store,
  tenant: string,
  effectId: string,
  given: Pick<Memory, 'text' | 'tags' | 'metadata'>,
): Promise<{ readonly id: string; readonly memory: Memory }> {
  const hash = hashedId(tenant, 'memory', effectId);
  const id = `mem_${hash}`;
  const all = wordsOf(given.text);
  const entry = { id, counted: countedWords(all, WORD_BYTES) };
  let isContended = false;
  for (let tries = 0; tries < SHELF_COUNT; tries += 1) {
    const shelf = (Number.parseInt(hash.slice(0, 8), 16) + tries) % SHELF_COUNT;
    const createdAt = clock.now();
    const item: Shelved = { id, at: createdAt, tags: given.tags, length: all.length };
    const bytes = Buffer.byteLength(JSON.stringify([item, entry]));
    const found = await documents.get(SHELVES, shelfId(tenant, shelf));
    const before = (found?.data as unknown as Shelf | undefined)?.bytes ?? 0;
    if (before + bytes > SHELF_BYTES) continue;
    const memory: Memory = { tenant, ...given, shelf, createdAt };
    const place = { collection: SHELVES, id: shelfId(tenant, shelf) };
    const write: Write =
      found === undefined
        ? { kind: 'create', ...place, data: { tenant, shelf, bytes, items: [item], words: [entry] } }
        : {
            kind: 'update',
            ...place,
            version: found.version,
            set: { bytes: before + bytes },
            append: { items: [item], words: [entry] },
          };
    try {
      await documents.commit([{ kind: 'create', collection: MEMORIES, id, data: memory as unknown as Fields }, write]);
      return { id, memory };
    } catch (error) {
      if (!(error instanceof PreconditionFailed)) throw error;
      const stored = await readMemory({ documents }, tenant, id);
      if (stored !== undefined) return { id, memory: stored.memory };
      isContended = true;
    }
  }
  if (isContended) throw contended();
  throw new TerminalError('memory_full', 'There is no room for more memories: delete some with memory.delete.');
}

/** A memory of the tenant's own. */
export async function readMemory(
  { documents }: Pick<Store, 'documents'>,
  tenant: string,
  id: string,
): Promise<{ readonly memory: Memory; readonly version: string } | undefined> {
  const found = await documents.get(MEMORIES, id);
  const memory = found?.data as unknown as Memory | undefined;
  return found === undefined || memory?.tenant !== tenant ? undefined : { memory, version: found.version };
}

/** Removes a memory of the tenant's own; false where there is none. 2 reads and 2 writes. */
export async function removeMemory({ documents }: Store, tenant: string, id: string): Promise<boolean> {
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const known = await readMemory({ documents }, tenant, id);
    if (known === undefined) return false;
    const place = { collection: SHELVES, id: shelfId(tenant, known.memory.shelf) };
    const found = await documents.get(place.collection, place.id);
    const without: Write[] = found === undefined ? [] : [{ ...takenOff(found, id), ...place }];
    try {
      await documents.commit([{ kind: 'delete', collection: MEMORIES, id, version: known.version }, ...without]);
      return true;
    } catch (error) {
      if (!(error instanceof PreconditionFailed)) throw error;
    }
  }
  throw contended();
}

/** All that stands on the tenant's shelves, a few shelves at a time. `words` are left out unless they are wanted. */
export async function* shelvesOf(
  { documents }: Pick<Store, 'documents'>,
  tenant: string,
  wanted: { readonly words: boolean },
): AsyncGenerator<{ readonly item: Shelved; readonly counted: string }> {
  const limit = wanted.words ? SHELVES_AT_ONCE : SHELF_COUNT;
  const fields = wanted.words ? ['items', 'words', 'shelf'] : ['items', 'shelf'];
  let last: Stored | undefined;
  do {
    const after = last === undefined ? {} : { after: { value: last.data.shelf as number, id: last.id } };
    const query = { equal: { tenant }, orderBy: { field: 'shelf', direction: 'asc' }, fields, limit, ...after } as const;
    const page = (await documents.query(SHELVES, query)).documents;
    for (const { data } of page) {
      const { items, words = [] } = data as unknown as Shelf;
      const counted = new Map(words.map((one) => [one.id, one.counted]));
      for (const item of items) yield { item, counted: counted.get(item.id) ?? '' };
    }
    const end = page.at(-1);
    last = page.length === limit && end?.data.shelf !== SHELF_COUNT - 1 ? end : undefined;
  } while (last !== undefined);
}

const shelfId = (tenant: string, shelf: number): string => hashedId(tenant, 'memory-shelf', String(shelf));

function takenOff({ data, version }: Stored, id: string): Omit<Write & { kind: 'update' }, 'collection' | 'id'> {
  const shelf = data as unknown as Shelf;
  const items = shelf.items.filter((one) => one.id !== id);
  const words = shelf.words.filter((one) => one.id !== id);
  const gone = [shelf.items.find((one) => one.id === id), shelf.words.find((one) => one.id === id)];
  const bytes = shelf.bytes - Buffer.byteLength(JSON.stringify(gone));
  return { kind: 'update', version, set: { items, words, bytes } };
}

const contended = () => new RetryableError('contention', 'Too much is written to the memory at once.');
