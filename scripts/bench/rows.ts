/** The table that a run prints: what was seen, beside its goal. */

export interface Row {
  readonly what: string;
  readonly seen: string;
  /** Empty where there is none. */
  readonly goal: string;
  /** `least`: not the goal, but what is asked at the least. */
  readonly met: 'yes' | 'least' | 'NO' | '';
}

/** A figure that nothing is asked of. */
export const plain = (what: string, seen: string): Row => ({ what, seen, goal: '', met: '' });

/** A figure beside its goal. */
export const against = (what: string, seen: string, goal: string, met: boolean): Row => ({
  what,
  seen,
  goal,
  met: met ? 'yes' : 'NO',
});
