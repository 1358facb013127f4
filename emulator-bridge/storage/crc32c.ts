/** A running CRC-32C; `base64` gives what has been seen so far, as Cloud Storage writes it: big-endian, base64. */
export interface Crc32c {
  update(bytes: Uint8Array): void;
  base64(): string;
}

/**
 * CRC-32 with Castagnoli's polynomial, which Node does not have. Eight bytes a step, through eight tables: one byte a step would
 * make the checksum the slowest part of an upload.
 *
 * Source: RFC 3720, section 12.1; Kounavis and Berry, "Novel Table Lookup-Based Algorithms for High-Performance CRC Generation".
 */
export function crc32c(): Crc32c {
  let crc = -1;
  return {
    update(bytes) {
      crc = advance(crc, bytes);
    },
    base64() {
      const value = Buffer.alloc(4);
      value.writeInt32BE(~crc);
      return value.toString('base64');
    },
  };
}

const REVERSED_POLYNOMIAL = 0x82f63b78;
const STEP = 8;

/** Row `n` holds what a byte does to the remainder when `n` zero bytes follow it. One array for all rows: see `advance`. */
const table = new Int32Array(256 * STEP);
for (let byte = 0; byte < 256; byte += 1) {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ REVERSED_POLYNOMIAL : value >>> 1;
  table[byte] = value;
}
for (let at = 256; at < table.length; at += 1) {
  const before = table[at - 256] as number;
  table[at] = (before >>> 8) ^ (table[before & 0xff] as number);
}

function advance(from: number, bytes: Uint8Array): number {
  let crc = from;
  let at = 0;
  for (const end = bytes.length - (bytes.length % STEP); at < end; at += STEP) {
    const low = crc ^ word(bytes, at);
    const high = word(bytes, at + 4);
    crc =
      row(7, low) ^
      row(6, low >>> 8) ^
      row(5, low >>> 16) ^
      row(4, low >>> 24) ^
      row(3, high) ^
      row(2, high >>> 8) ^
      row(1, high >>> 16) ^
      row(0, high >>> 24);
  }
  for (; at < bytes.length; at += 1) crc = (crc >>> 8) ^ row(0, crc ^ (bytes[at] as number));
  return crc;
}

function row(following: number, byte: number): number {
  return table[following * 256 + (byte & 0xff)] as number;
}

/** Four bytes, the first one lowest. */
function word(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24)
  );
}
