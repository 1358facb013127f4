/** Checks the seals against each other, against the roots of their days, and against the progress that is stored. */

import {
  NOT_BEGUN,
  PROGRESS,
  type Root,
  rootName,
  SEALING,
  SEALS,
  type Seal,
  type SealedEntity,
  type SealedTask,
  type Sealing,
  sealName,
  sealNumber,
  unsigned,
} from '../../functions/core/audit/seals.ts';
import { dayOf } from '../../functions/core/days.ts';
import type { Finding } from './finding.ts';
import type { Checked } from './verify.ts';

export interface SealsChecked {
  readonly findings: Finding[];
  readonly seals: number;
  readonly roots: number;
}

/** Goes through all objects, by name, and hands out what each has sealed. */
export async function checkSeals(
  checked: Checked,
  onSealed: (head: SealedTask | SealedEntity, by: string) => Promise<void>,
): Promise<SealsChecked> {
  const walk = sealWalk();
  let cursor: string | undefined;
  do {
    const page = await checked.objects.list(SEALS, '', cursor === undefined ? {} : { cursor });
    for (const { name } of page.objects) {
      const bytes = await checked.objects.get(SEALS, name);
      // Nobody may delete one, so that is a finding by its number.
      if (bytes === undefined) continue;
      const seal = walk.add(name, unsigned(checked.signing, bytes));
      for (const head of seal?.heads ?? []) await onSealed(head, `Seal ${seal?.number}`);
    }
    cursor = page.next;
  } while (cursor !== undefined);
  const stored = await checked.documents.get(SEALING, PROGRESS);
  return walk.end((stored?.data.state as Sealing | undefined) ?? NOT_BEGUN);
}

function sealWalk() {
  const findings: Finding[] = [];
  const say = (entity: string, kind: Finding['kind'], why: string) => findings.push({ entity, kind, why });
  let last: { seal: Seal; signature: string } | undefined;
  let root = '';
  let roots = 0;
  let seals = 0;
  /** The day whose seals are being gone through, with its first. */
  let day: { day: string; first: number; hasRoot: boolean } | undefined;

  return {
    add(name: string, found: ReturnType<typeof unsigned>): Seal | undefined {
      const isOurs = sealNumber(name) !== undefined || name === rootName(name.slice(0, 10));
      if (!isOurs) return void say(name, 'seal added', 'No seal has such a name.');
      if (found === undefined) return void say(name, 'seal edited', 'It does not bear our signature.');
      const { value, signature } = found;
      const proper = value.kind === 'seal' ? sealName(value) : rootName(value.day);
      if (proper !== name) return void say(name, 'seal swapped', `It is what belongs in ${proper}.`);
      return value.kind === 'seal' ? addSeal(name, value, signature) : void addRoot(name, value, signature);
    },

    end(progress: Sealing): SealsChecked {
      const number = last?.seal.number ?? 0;
      for (let gone = number + 1; gone <= progress.number; gone++) sayMissing(gone);
      // One may have been written whose progress was not, before the sweep was killed.
      if (progress.number < number - 1)
        say(`${SEALING}/${PROGRESS}`, 'truncated', `It counts ${progress.number} seals, and there are ${number}.`);
      if (progress.number === number && last !== undefined && progress.signature !== last.signature)
        say(`${SEALING}/${PROGRESS}`, 'edited', `It has another signature of seal ${number}.`);
      return { findings, seals, roots };
    },
  };

  function addSeal(name: string, seal: Seal, signature: string): Seal {
    seals += 1;
    const number = last?.seal.number ?? 0;
    if (seal.number <= number) say(name, 'seal added', `It is not the only seal with the number ${seal.number}.`);
    for (let gone = number + 1; gone < seal.number; gone++) sayMissing(gone);
    if (seal.number === number + 1 && seal.previous !== (last?.signature ?? ''))
      say(name, 'seal edited', `It names another seal ${number} than there is.`);
    if (day?.day !== dayOf(seal.at)) {
      if (day?.hasRoot === false) say(rootName(day.day), 'seal missing', 'There are later seals, so the day had its root.');
      day = { day: dayOf(seal.at), first: seal.number, hasRoot: false };
    }
    last = { seal, signature };
    return seal;
  }

  function addRoot(name: string, value: Root, signature: string): void {
    roots += 1;
    if (value.previous !== root) say(name, 'seal edited', 'It names another root before it than there is.');
    root = signature;
    if (day === undefined || day.day !== value.day) return void say(name, 'seal missing', 'There is no seal left of its day.');
    day.hasRoot = true;
    for (let gone = (last?.seal.number ?? 0) + 1; gone <= value.last; gone++) sayMissing(gone);
    if (value.last === last?.seal.number && value.head !== last.signature)
      say(name, 'seal edited', `It names another seal ${value.last} than there is.`);
    if (value.last < (last?.seal.number ?? 0)) say(name, 'seal added', `Seals of its day come after its last, ${value.last}.`);
  }

  function sayMissing(number: number): void {
    const entity = `seal ${number}`;
    if (!findings.some((finding) => finding.entity === entity))
      say(entity, 'seal missing', 'The seals are numbered without a gap.');
  }
}
