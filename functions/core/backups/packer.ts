import type { Runtime } from '../runtime.ts';
import { crew } from './ahead.ts';
import { BLOB_BYTES, storeBlob } from './blobs.ts';
import type { Known } from './known.ts';
import type { Manifest, Part } from './manifest-schema.ts';

/** At once. Each holds its content twice over. */
const STORES = 2;

/** Content that already has a place in a blob. */
export interface Kept {
  readonly blob: string;
  readonly offset: number;
  readonly length: number;
}

/** Puts content into blobs. A file's `parts` are filled once its blobs are stored, so they are complete after `flush`. */
export interface Packer {
  /** A small file's whole content: it shares a blob with its neighbours. */
  add(content: Buffer, parts: Part[]): Promise<void>;
  /**
   * One piece of a large file, as a blob of its own. The parts are in the order of the calls. The content must be a whole buffer of its
   * own: its memory is given back as soon as it is stored, since garbage of this size piles up before it is collected.
   */
  piece(content: Buffer, parts: Part[]): Promise<void>;
  /** Parts that point to what is stored already. */
  kept(places: readonly Kept[]): Part[];
  flush(): Promise<void>;
  /** So far, of what was not there before. */
  readonly stored: { readonly blobs: number; readonly bytes: number };
}

export interface Packing {
  readonly known: Known;
  /** See `storeBlob`. */
  readonly mayBeThere: boolean;
  readonly fresh: boolean;
}

export function packer(parts: Pick<Runtime, 'objects' | 'clock' | 'ids'>, manifest: Manifest, how: Packing): Packer {
  const stores = crew(STORES);
  const stored = { blobs: 0, bytes: 0 };
  const indexes = new Map(manifest.blobs.map((blob, index) => [blob, index]));
  let waiting: { content: Buffer; parts: Part[] }[] = [];
  let bytes = 0;

  function indexOf(blob: string): number {
    const index = indexes.get(blob) ?? manifest.blobs.push(blob) - 1;
    indexes.set(blob, index);
    return index;
  }

  async function store(pieces: readonly Buffer[]): Promise<number> {
    const done = await storeBlob(parts, pieces, how);
    if (done.stored) {
      stored.blobs += 1;
      stored.bytes += done.bytes;
    }
    return indexOf(done.blob);
  }

  async function pack(): Promise<void> {
    if (waiting.length === 0) return;
    const packed = waiting;
    waiting = [];
    bytes = 0;
    await stores.add(async () => {
      const blob = await store(packed.map(({ content }) => content));
      let offset = 0;
      for (const one of packed) {
        one.parts.push([blob, offset, one.content.length]);
        offset += one.content.length;
      }
    });
  }

  return {
    stored,
    async add(content, places) {
      if (bytes + content.length > BLOB_BYTES) await pack();
      waiting.push({ content, parts: places });
      bytes += content.length;
    },
    async piece(content, places) {
      const place: Part = [0, 0, content.length];
      places.push(place);
      await stores.add(async () => {
        place[0] = await store([content]);
        (content.buffer as ArrayBuffer).transfer(0);
      });
    },
    kept: (places) => places.map(({ blob, offset, length }) => [indexOf(blob), offset, length]),
    async flush() {
      await pack();
      await stores.end();
    },
  };
}
