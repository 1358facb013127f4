/** Seals outlive a database that was emptied or put back to an earlier time: sealing goes on behind the last one that there is. */

import { rootName, SEALS, type Sealing, sealNumber, unsigned } from '../core/audit/seals.ts';
import { dayOf, nextDay } from '../core/days.ts';
import type { Runtime } from '../core/runtime.ts';

/**
 * How far sealing has come, by the bucket where that is further than the database says. What it holds was sealed already or is sealed
 * again; what it lost is found by `audit verify`. One list an hour, or two.
 */
export async function caughtUp(runtime: Runtime, state: Sealing): Promise<Sealing> {
  const { signing, objects, log } = runtime;
  const names = await namesSince(runtime, state);
  const seals = names.filter((name) => sealNumber(name) !== undefined);
  const last = seals.at(-1);
  if (last === undefined || (sealNumber(last) ?? 0) <= state.number) return state;
  const bytes = await objects.get(SEALS, last);
  const found = bytes && unsigned(signing, bytes);
  if (found?.value.kind !== 'seal') return state;
  const { number, at } = found.value;
  log.error({ number, known: state.number }, 'The seals are ahead of the database: it was emptied, or is an earlier one.');

  const roots = names.filter((name) => sealNumber(name) === undefined);
  const rootBytes = roots.length === 0 ? undefined : await objects.get(SEALS, roots.at(-1) as string);
  const root = (rootBytes && unsigned(signing, rootBytes)?.signature) ?? state.root;
  const day = dayOf(at);
  const first = sealNumber(seals.find((name) => name.startsWith(`${day}/`)) ?? last) ?? number;
  const { day: _, ...rest } = state;
  return {
    ...rest,
    number,
    signature: found.signature,
    at,
    root,
    ...(roots.includes(rootName(day)) ? {} : { day: { day, first } }),
  };
}

/** In their order: all there are where nothing is known, else those since the day of the last one known. */
async function namesSince({ objects, clock }: Runtime, { number, at }: Sealing): Promise<string[]> {
  const today = dayOf(clock.now());
  const prefixes = [''];
  if (number > 0) {
    prefixes.pop();
    for (let day = dayOf(at); day <= today; day = nextDay(day)) prefixes.push(`${day}/`);
  }
  const names: string[] = [];
  for (const prefix of prefixes) {
    let cursor: string | undefined;
    do {
      const page = await objects.list(SEALS, prefix, cursor === undefined ? {} : { cursor });
      names.push(...page.objects.map(({ name }) => name).filter((name) => sealNumber(name) !== undefined || isRoot(name)));
      cursor = page.next;
    } while (cursor !== undefined);
  }
  return names;
}

const isRoot = (name: string): boolean => name === rootName(name.slice(0, 10));
