/** Goes through one chain, entry by entry, and says what became of those that do not follow from the one before. */

import type { Signing } from '../../functions/core/signing.ts';
import type { TimelineEntry } from '../../functions/core/task.ts';
import type { Finding } from './finding.ts';

/** Of more broken links no more can be told than that they are. */
const MAX_SUSPECTS = 500;

export interface ChainCheck {
  /** The next entry, or nothing where there is none under its number. */
  add(number: number, entry: TimelineEntry | undefined): void;
  /** Whatever comes next is taken as it is: what was before it may be gone. */
  forget(): void;
  /** Ends the chain at the head that is stored of it: the hash of its last entry, which has the number `count`. */
  end(head: string, count: number): Finding[];
}

/** `broken`: an entry whose hash does not follow from `before`. */
interface Suspect {
  readonly number: number;
  readonly before: string;
  readonly entry: TimelineEntry;
}

/** `start` is what stands in the place of a hash before the first entry; `isOwn` tells an entry of another entity. */
export function chainCheck(
  signing: Signing,
  entity: string,
  start: string,
  isOwn: (entry: TimelineEntry) => boolean = () => true,
): ChainCheck {
  const findings: Finding[] = [];
  const suspects: Suspect[] = [];
  let before: string | undefined = start;
  let last = 0;

  return {
    add(number, entry) {
      last = number;
      if (entry === undefined) findings.push({ entity, number, kind: 'deleted', why: 'There is no such entry any more.' });
      else if (before !== undefined && !follows(signing, before, entry)) suspects.push({ number, before, entry });
      before = entry?.hash;
    },
    forget() {
      before = undefined;
    },
    end(head, count) {
      const resolved = resolve(signing, entity, suspects, isOwn, { head, count, last });
      const lastHash = resolved.lastHash ?? before;
      findings.push(...resolved.findings);
      if (last < count) findings.push(...missing(entity, last, count, resolved.findings));
      else if (lastHash !== undefined && lastHash !== head && !resolved.explainsHead)
        findings.push({ entity, number: last, kind: 'edited', why: 'The head of the chain is not the hash of its last entry.' });
      return findings;
    },
  };
}

const follows = (signing: Signing, before: string, { hash, ...entry }: TimelineEntry): boolean =>
  signing.chain(before, entry) === hash;

/** Fewer entries than the head counts: one was taken out on the way, or they were cut off behind the last. */
function missing(entity: string, last: number, count: number, found: readonly Finding[]): Finding[] {
  if (found.some(({ kind }) => kind === 'deleted')) return [];
  const which = count === last + 1 ? `Entry ${count} is` : `The entries ${last + 1} to ${count} are`;
  return [{ entity, number: last + 1, kind: 'truncated', why: `${which} gone: its head counts ${count}.` }];
}

function resolve(
  signing: Signing,
  entity: string,
  all: readonly Suspect[],
  isOwn: (entry: TimelineEntry) => boolean,
  { head, count, last }: { readonly head: string; readonly count: number; readonly last: number },
) {
  const findings: Finding[] = [];
  const open = new Map(all.slice(0, MAX_SUSPECTS).map((suspect) => [suspect.number, suspect]));
  let lastHash: string | undefined;
  let explainsHead = false;
  const say = (number: number, kind: Finding['kind'], why: string) => findings.push({ entity, number, kind, why });
  /** What comes behind an entry that is really of the hash. */
  const clear = (number: number, hash: string) => {
    const next = open.get(number);
    if (next !== undefined && follows(signing, hash, next.entry)) open.delete(number);
  };

  for (const suspect of [...open.values()]) {
    const { number, before, entry } = suspect;
    if (!open.delete(number)) continue;
    const fitting = [...open.values()].find((other) => follows(signing, before, other.entry));
    const remade = signing.chain(before, withoutHash(entry));
    const next = open.get(number + 1);
    if (fitting !== undefined) {
      const place = fitting.number === number + 1 ? fitting.entry.hash : fitting.before;
      if (follows(signing, place, entry)) {
        say(number, 'swapped', `It stands in the place of entry ${fitting.number}, and that one here.`);
        open.delete(fitting.number);
        clear(number + 1, fitting.entry.hash);
        clear(fitting.number + 1, entry.hash);
        if (fitting.number === last) lastHash = entry.hash;
      } else if (fitting === next) {
        say(number, 'added', 'Entry before and after it follow from each other without it.');
        open.delete(fitting.number);
      } else {
        say(number, 'swapped', `What belongs here stands in the place of entry ${fitting.number}.`);
        clear(number + 1, fitting.entry.hash);
      }
    } else if (!isOwn(entry)) {
      say(number, 'swapped', 'It is an entry of another entity.');
      // What follows from the one that was here cannot be told.
      open.delete(number + 1);
      explainsHead ||= number === last;
    } else if (entry.hash === before || (number === last && before === head && last > count)) {
      say(number, 'added', 'It follows from nothing.');
      explainsHead ||= number === last;
    } else if ((next !== undefined && follows(signing, remade, next.entry)) || (number === last && remade === head)) {
      say(number, 'edited', 'Its hash was changed.');
      open.delete(number + 1);
      explainsHead ||= number === last;
    } else if (last < count) {
      say(number, 'deleted', `It does not follow from the one before, and ${count - last} of ${count} are gone.`);
    } else {
      say(number, 'edited', 'Its hash is not that of what it says behind the one before.');
    }
  }
  const more = all.length - MAX_SUSPECTS;
  if (more > 0) say(all[MAX_SUSPECTS]?.number ?? 0, 'edited', `So are ${more} in all from here on: no more is told of them.`);
  return { findings, lastHash, explainsHead };
}

function withoutHash({ hash: _, ...entry }: TimelineEntry): Record<string, unknown> {
  return entry;
}
