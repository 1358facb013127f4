/** What everything in a simulated world shares: time, chance, the stores, and what goes wrong. */

import type { Settings } from '../../functions/core/settings.ts';
import type { Signing } from '../../functions/core/signing.ts';
import type { Chance } from './chance.ts';
import type { Oracle } from './oracle.ts';
import type { Schedule } from './schedule.ts';
import type { Store } from './store.ts';
import type { Story } from './story.ts';
import type { Tokens } from './tokens.ts';

/** Probabilities of what goes wrong; each seed has some of them. */
export interface Faults {
  /** An instance ends at a call of a port: before it had its effect, or after that and before the reply. */
  readonly crash: number;
  /** A call had its effect, and its reply was lost. */
  readonly lostReply: number;
  /** The same of a commit, which the client library then repeated, and the repeat was refused. */
  readonly repeated: number;
  /** A call failed without effect. */
  readonly failed: number;
  /** A call took seconds to minutes. */
  readonly slow: number;
  /** A message came one to five times more, some of them late. */
  readonly duplicate: number;
  /** A message came minutes late. */
  readonly late: number;
  /** An acknowledgement was lost. */
  readonly lostAck: number;
  /** A request over HTTP was lost, or its answer. */
  readonly dropped: number;
  /** A sweep did not happen, or two at once did. */
  readonly sweeps: number;
}

export const NO_FAULTS: Faults = {
  crash: 0,
  lostReply: 0,
  repeated: 0,
  failed: 0,
  slow: 0,
  duplicate: 0,
  late: 0,
  lostAck: 0,
  dropped: 0,
  sweeps: 0,
};

export interface World {
  readonly schedule: Schedule;
  readonly chance: Chance;
  readonly documents: Store;
  readonly control: Store;
  readonly objects: Map<string, Buffer>;
  readonly settings: Settings;
  readonly signing: Signing;
  readonly tokens: Tokens;
  readonly oracle: Oracle;
  readonly story: Story;
  /** What goes wrong now. */
  faults(): Faults;
  /** From when on nothing goes wrong any more. */
  readonly faultsEnd: number;
  /** Whether all gets through, quickly, though commits may be made and messages come twice: no attempt is lost then. */
  readonly isSteady: boolean;
  /** How far an instance's clock may be off, in milliseconds. */
  readonly skewMs: number;
  /** Whether the broker delivers each message once. */
  readonly isOnce: boolean;
  /** How many instances of each function there are. */
  readonly instances: number;
}

/** How long a call takes. */
export function latency({ chance, faults }: World): number {
  return chance.happens(faults().slow) ? chance.between(1_000, 90_000) : chance.between(1, 40);
}
