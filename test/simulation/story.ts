/** What happened in a world, one line each: written only when somebody is going to read it. */

export interface Story {
  tell(who: string, what: () => string): void;
  readonly lines: readonly string[];
}

export function storyFrom(start: number, now: () => number, isWanted: boolean): Story {
  const lines: string[] = [];
  return {
    lines,
    tell(who, what) {
      if (isWanted) lines.push(`${((now() - start) / 1000).toFixed(3).padStart(9)} s  ${who.padEnd(16)} ${what()}`);
    },
  };
}
