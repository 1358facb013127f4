import { randomBytes } from 'node:crypto';
import type * as Firestore from '@google-cloud/firestore';
import { type Fields, SERVER_TIME } from '../core/ports.ts';
import type { CollectionRow } from '../topology.ts';
import { refuseServerTime } from './server-time.ts';

export interface Codec {
  encode(data: Fields): Fields;
  decode(data: Fields): Fields;
  /** The stored name of a field. */
  name(field: string): string;
  /** The elements of an array field, as stored. */
  elements(values: readonly unknown[]): string[];
}

/**
 * Between our plain JSON values and what Firestore stores. Scalars at the top level stay native, so that they can be queried.
 * What lies deeper is JSON text: Firestore refuses nested arrays and some names. Times (the server's, and the TTL field's) are
 * timestamps there and milliseconds here.
 */
export function firestoreCodec({ FieldValue, Timestamp }: typeof Firestore, row: CollectionRow): Codec {
  const encodeValue = (field: string, value: unknown): unknown => {
    if (value === SERVER_TIME) {
      refuseServerTime(field, row);
      return FieldValue.serverTimestamp();
    }
    if (field === row.ttlField && typeof value === 'number') return Timestamp.fromMillis(value);
    if (Array.isArray(value)) return encodeElements(value);
    if (value === null || typeof value === 'boolean') return value;
    // As in JSON: no negative zero, and null for what is no number.
    if (typeof value === 'number') return Number.isFinite(value) ? value + 0 : null;
    // Half a surrogate pair has no UTF-8 form; in JSON text it is escaped.
    if (typeof value === 'string' && value.isWellFormed()) return value;
    return { json: JSON.stringify(value) };
  };

  const decodeValue = (value: unknown): unknown => {
    if (value instanceof Timestamp) return value.toMillis();
    if (Array.isArray(value)) return value.map((text: string) => JSON.parse(text.slice(text.indexOf(':') + 1)));
    return typeof value === 'object' && value !== null ? JSON.parse((value as { json: string }).json) : value;
  };

  return {
    encode: (data) => {
      const present = Object.entries(data).filter(([, value]) => value !== undefined);
      return Object.fromEntries(present.map(([field, value]) => [encodeName(field), encodeValue(field, value)]));
    },
    decode: (data) => Object.fromEntries(Object.entries(data).map(([name, value]) => [decodeName(name), decodeValue(value)])),
    name: encodeName,
    elements: encodeElements,
  };
}

const RUN = randomBytes(6).toString('base64url');
let elements = 0;

/** `arrayUnion`, which appends, leaves out what is there already: a tag makes each element its own. */
function encodeElements(values: readonly unknown[]): string[] {
  return values.map((value) => {
    elements += 1;
    return `${RUN}${elements.toString(36)}:${JSON.stringify(value) ?? 'null'}`;
  });
}

const PLAIN_NAME = /^[A-Za-z][A-Za-z0-9]*$/;
const ESCAPED = '_';

/** Firestore reserves some names and reads others as paths; a name that is no plain word is stored as its bytes. */
function encodeName(field: string): string {
  return PLAIN_NAME.test(field) ? field : ESCAPED + Buffer.from(field).toString('hex');
}

function decodeName(name: string): string {
  return name.startsWith(ESCAPED) ? Buffer.from(name.slice(ESCAPED.length), 'hex').toString() : name;
}
