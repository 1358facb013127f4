/**
 * Seals: where the audit chains stood, hour by hour, kept outside the database. A chain that was shortened together with its head
 * is still whole; what was sealed of it tells. Each seal names the one before by its signature, and a root names a day's last one.
 *
 * An object is the signature, a line break, and the JSON that is signed.
 */

import { dayOf } from '../days.ts';
import type { Query } from '../ports.ts';
import type { Signing } from '../signing.ts';
import type { ChainHead } from '../task.ts';

/** The bucket of the seals, and the collection with the one document of how far sealing has come. */
export const SEALS = 'seals';
export const SEALING = 'sealing';
export const PROGRESS = 'progress';

/** Where a task's chain stood. Before `until` (milliseconds) nothing may have removed the task. */
export interface SealedTask {
  readonly task: string;
  readonly head: string;
  /** How many entries it had, counting those that were moved out. */
  readonly count: number;
  readonly until: number;
}

/** The same of what is not a task. It is never removed. */
export interface SealedEntity {
  readonly tenant: string;
  readonly entity: string;
  readonly head: string;
  readonly count: number;
}

/** Where sealing stands: which source comes next, and behind which place in each. */
export interface SealPlace {
  readonly source: number;
  readonly cursors: Readonly<Record<string, Required<Query>['after']>>;
}

export interface Seal {
  readonly kind: 'seal';
  /** Counted from 1, without a gap. */
  readonly number: number;
  /** When its round began; the decisions up to `cutoff` are sealed in this round or were before. */
  readonly at: number;
  readonly cutoff: number;
  /** The signature of the seal before; empty for the first. */
  readonly previous: string;
  readonly heads: readonly (SealedTask | SealedEntity)[];
  readonly next: SealPlace;
}

/** All seals of a day, by the signature of the last. */
export interface Root {
  readonly kind: 'root';
  readonly day: string;
  readonly first: number;
  readonly last: number;
  readonly head: string;
  /** The signature of the root before; empty for the first. */
  readonly previous: string;
}

/** How far sealing has come. */
export interface Sealing extends SealPlace {
  /** The last seal: its number, its signature, and when its round began. */
  readonly number: number;
  readonly signature: string;
  readonly at: number;
  /** The day of the last seal, with that day's first. */
  readonly day?: { readonly day: string; readonly first: number };
  /** The signature of the last root. */
  readonly root: string;
  /** When the next round begins; there is a `round` while one is under way. */
  readonly nextAt: number;
  readonly round?: { readonly at: number; readonly cutoff: number };
}

export const NOT_BEGUN: Sealing = { number: 0, signature: '', at: 0, root: '', nextAt: 0, source: 0, cursors: {} };

/** `2026-11-21/08-00-00-000000042`: sorted by name, they are in their order. */
export function sealName({ at, number }: Pick<Seal, 'at' | 'number'>): string {
  const time = new Date(at).toISOString().slice(11, 19).replaceAll(':', '-');
  return `${dayOf(at)}/${time}-${String(number).padStart(9, '0')}`;
}

/** The number in the name of a seal; `undefined` for other names. */
export function sealNumber(name: string): number | undefined {
  const [, digits] = /^\d{4}-\d\d-\d\d\/\d\d-\d\d-\d\d-(\d{9,})$/.exec(name) ?? [];
  return digits === undefined ? undefined : Number(digits);
}

/** Behind the seals of its day. */
export const rootName = (day: string): string => `${day}/root`;

/** The object of a seal or a root. */
export function signed(signing: Signing, value: Seal | Root): { readonly bytes: Buffer; readonly signature: string } {
  const text = JSON.stringify(value);
  const signature = signing.seal(text);
  return { bytes: Buffer.from(`${signature}\n${text}`), signature };
}

/** What an object holds; `undefined` when it is not signed by us. */
export function unsigned(signing: Signing, bytes: Buffer): { readonly value: Seal | Root; readonly signature: string } | undefined {
  const end = bytes.indexOf('\n');
  const [signature, text] = [bytes.toString('utf8', 0, Math.max(end, 0)), bytes.toString('utf8', end + 1)];
  if (!signing.sealValid(text, signature)) return undefined;
  return { value: JSON.parse(text) as Seal | Root, signature };
}

/** How many entries a chain has, counting those that were moved out of its document. */
export const entriesIn = ({ count, moved = 0 }: ChainHead): number => moved + count;
