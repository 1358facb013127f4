/** The documents that many tasks write, within one commit: every account is read once, and written under the version that was read. */

import type { Documents, Fields, Stored, Write } from '../ports.ts';

/** The shared documents, as a posting of the ledger sees them. */
export interface Accounts {
  get(collection: string, id: string): Promise<Fields | undefined>;
  /** Sets the named fields; what was not there is created. */
  set(collection: string, id: string, fields: Fields): void;
  delete(collection: string, id: string): void;
}

export type OpenAccounts = ReturnType<typeof openAccounts>;

/** Opens them for one commit: what it has read, and will write. */
export function openAccounts(documents: Documents) {
  const read = new Map<string, { readonly collection: string; readonly id: string; readonly stored: Stored | undefined }>();
  /** The fields as they will be; `undefined` for a document that goes. */
  let now = new Map<string, Fields | undefined>();
  let changed = new Map<string, Fields | undefined>();
  const keyOf = (collection: string, id: string) => `${collection}/${id}`;

  async function load(collection: string, id: string): Promise<void> {
    const key = keyOf(collection, id);
    if (read.has(key)) return;
    const stored = await documents.get(collection, id);
    read.set(key, { collection, id, stored });
    now.set(key, stored?.data);
  }

  return {
    /** A view whose changes count only if they are kept. */
    stage(): Accounts & { keep(): void } {
      const mine = new Map<string, Fields | undefined>();
      const mineChanged = new Map<string, Fields | undefined>();
      return {
        async get(collection, id) {
          await load(collection, id);
          const key = keyOf(collection, id);
          return mine.has(key) ? mine.get(key) : now.get(key);
        },
        set(collection, id, fields) {
          const key = keyOf(collection, id);
          mine.set(key, { ...(mine.has(key) ? mine.get(key) : now.get(key)), ...fields });
          mineChanged.set(key, { ...mineChanged.get(key), ...fields });
        },
        delete(collection, id) {
          mine.set(keyOf(collection, id), undefined);
          mineChanged.set(keyOf(collection, id), undefined);
        },
        keep() {
          now = new Map([...now, ...mine]);
          for (const [key, fields] of mineChanged) changed = changed.set(key, fields && { ...changed.get(key), ...fields });
        },
      };
    },

    writes(): Write[] {
      return [...changed].flatMap(([key, set]): Write[] => {
        const { collection, id, stored } = read.get(key) as { collection: string; id: string; stored: Stored | undefined };
        if (stored === undefined) return set === undefined ? [] : [{ kind: 'create', collection, id, data: set }];
        if (set === undefined) return [{ kind: 'delete', collection, id, version: stored.version }];
        return [{ kind: 'update', collection, id, version: stored.version, set }];
      });
    },

    /** Whether every account is still as it was read. */
    async unchanged(): Promise<boolean> {
      const found = await Promise.all([...read.values()].map(({ collection, id }) => documents.get(collection, id)));
      return [...read.values()].every(({ stored }, index) => stored?.version === found[index]?.version);
    },
  };
}
