/** Faults of a storage server, for tests that look at every step of an exchange. */

import { StorageError } from '../../emulator-bridge/storage/errors.ts';
import type { StoredObject } from '../../emulator-bridge/storage/resource.ts';
import type { Site } from '../../emulator-bridge/storage/site.ts';
import type { Tables } from '../../emulator-bridge/storage/store.ts';

/**
 * From its `number`th write of an object on (counted from 0), the server refuses every one, as if the process that asks were dead: for
 * good, so that the client does not ask again. Gives how many it took, and what ends it.
 */
export function refuseWrites(site: Site, number: number): { readonly taken: () => number; end(): void } {
  const { write } = site.store;
  let taken = 0;
  Object.assign(site.store, {
    write: <T>(work: (tables: Tables) => T) =>
      write((tables) => {
        if (taken >= number) throw new StorageError(403, 'forbidden', 'Refused by the test.');
        taken += 1;
        return work(tables);
      }),
  });
  return { taken: () => taken, end: () => Object.assign(site.store, { write }) };
}

/** Calls back just before the `number`th write. */
export function beforeWrite(site: Site, number: number, act: () => Promise<void>): { end(): void } {
  const { write } = site.store;
  let taken = 0;
  Object.assign(site.store, {
    async write<T>(work: (tables: Tables) => T) {
      taken += 1;
      if (taken === number) {
        Object.assign(site.store, { write });
        await act();
      }
      return write(work);
    },
  });
  return { end: () => Object.assign(site.store, { write }) };
}

/** Makes every lock look as if its holder had not been heard of for an hour. */
export async function runOutLocks(site: Site, bucket: string): Promise<void> {
  const updated = new Date(Date.now() - 3_600_000).toISOString();
  await site.store.write((tables) => {
    const all = [...tables.objects(bucket, { name: Buffer.alloc(0), generation: 0 }, Buffer.of(0xff), false)];
    for (const object of all.filter(({ name }) => name.endsWith('/lock'))) {
      tables.putObject({ ...object, fields: { ...object.fields, updated } } satisfies StoredObject);
    }
  });
}
