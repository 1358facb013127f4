/** The client calls of a request, as data: recorded from a function, made again by a bare one. */

import type { Query, Write } from '../../functions/core/ports.ts';

export type Call =
  | { readonly kind: 'get'; readonly database: string; readonly collection: string; readonly id: string }
  | { readonly kind: 'query'; readonly database: string; readonly collection: string; readonly query: Query }
  | { readonly kind: 'commit'; readonly database: string; readonly writes: readonly Write[] }
  | {
      readonly kind: 'publish';
      readonly topic: string;
      readonly data: string;
      readonly attributes: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'token'; readonly audience: string }
  | { readonly kind: 'post'; readonly url: string; readonly headers: Readonly<Record<string, string>>; readonly body: string };

/** The calls of one step are made at once, and the next step when all of them have been answered. */
export type Steps = readonly (readonly Call[])[];

/** `1 × get, 16 × query, 1 × commit`. */
export function listed(steps: Steps): string {
  const kinds = Map.groupBy(steps.flat(), ({ kind }) => kind);
  return [...kinds].map(([kind, calls]) => `${calls.length} × ${kind}`).join(', ');
}
