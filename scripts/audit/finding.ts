/** What `audit verify` finds wrong. */

export type Kind =
  | 'edited'
  | 'deleted'
  | 'swapped'
  | 'added'
  /** Its last entries are gone. */
  | 'truncated'
  /** All of it is gone. */
  | 'removed'
  | 'seal missing'
  | 'seal edited'
  | 'seal added'
  | 'seal swapped';

export interface Finding {
  /** `agent:a of default`, `task:…`, or the name of a seal. */
  readonly entity: string;
  /** Of the entry, counted from 1. */
  readonly number?: number;
  readonly kind: Kind;
  readonly why: string;
}

/** `agent:a of default, entry 7: edited. …` */
export const findingText = ({ entity, number, kind, why }: Finding): string =>
  `${entity}${number === undefined ? '' : `, entry ${number}`}: ${kind}. ${why}`;
