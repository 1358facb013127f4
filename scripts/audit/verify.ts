/** `audit verify`: every chain, every timeline, every seal, and each against the others. */

import type { SealedEntity, SealedTask } from '../../functions/core/audit/seals.ts';
import type { Runtime } from '../../functions/core/runtime.ts';
import { TASKS } from '../../functions/core/store.ts';
import { fromDocument } from '../../functions/core/task-document.ts';
import { checkEntity, checkEntry, checkSealedEntity } from './check-entity.ts';
import { checkSeals } from './check-seals.ts';
import { checkSealedTask, checkTask } from './check-task.ts';
import type { Finding } from './finding.ts';
import { entries, heads, tasks } from './listing.ts';

export type Checked = Pick<Runtime, 'documents' | 'control' | 'objects' | 'signing' | 'clock' | 'settings'>;

export interface Verified {
  readonly findings: readonly Finding[];
  readonly counts: Readonly<Record<'entities' | 'entries' | 'tasks' | 'seals' | 'roots' | 'sealed', number>>;
}

const AT_ONCE = 20;
/** What was being written when it was looked at is whole by then. */
const LOOK_AGAIN_MS = 300;

/** Changes nothing, and holds no more than a page of anything at a time. What is found is told once it was seen twice. */
export async function verifyAudit(checked: Checked): Promise<Verified> {
  const found = findingsOnce();
  const counts = { entities: 0, entries: 0, tasks: 0, seals: 0, roots: 0, sealed: 0 };

  const twice = async (look: () => Promise<Finding[]>): Promise<void> => {
    if ((await look()).length === 0) return;
    await checked.clock.sleep(LOOK_AGAIN_MS);
    for (const finding of await look()) found.add(finding);
  };

  const sealed = inParallel<{ head: SealedTask | SealedEntity; by: string }>(({ head, by }) =>
    twice(() => ('task' in head ? checkSealedTask(checked, head, by) : checkSealedEntity(checked, head, by))),
  );

  for await (const { id } of heads(checked.control)) {
    counts.entities += 1;
    await twice(async () => {
      const { findings, entries: some } = await checkEntity(checked, id);
      if (findings.length === 0) counts.entries += some;
      return findings;
    });
  }
  const orphans = inParallel<Parameters<typeof checkEntry>[1]>((entry) => twice(() => checkEntry(checked, entry)));
  for await (const { document } of entries(checked.control)) await orphans.add(document);
  await orphans.end();
  for await (const { document } of tasks(checked.documents)) {
    counts.tasks += 1;
    let isFirst = true;
    await twice(async () => {
      const data = isFirst ? document.data : (await checked.documents.get(TASKS, document.id))?.data;
      isFirst = false;
      return data === undefined ? [] : checkTask(checked, document.id, fromDocument(data));
    });
  }
  await twice(async () => {
    counts.sealed = 0;
    const { findings, ...some } = await checkSeals(checked, async (head, by) => {
      counts.sealed += 1;
      await sealed.add({ head, by });
    });
    await sealed.end();
    Object.assign(counts, some);
    return findings;
  });
  return { findings: found.all, counts };
}

/** What is wrong with an entry is told once, in the words of whoever saw it first. */
function findingsOnce() {
  const all: Finding[] = [];
  const seen = new Set<string>();
  return {
    all,
    add(finding: Finding) {
      const key = JSON.stringify([finding.entity, finding.number ?? finding.kind]);
      if (seen.has(key)) return;
      seen.add(key);
      all.push(finding);
    },
  };
}

/** A few at once, so that each does not wait for the one before. What one throws is thrown by the next call. */
function inParallel<T>(work: (item: T) => Promise<void>) {
  const running = new Set<Promise<void>>();
  let failure: { readonly error: unknown } | undefined;
  const check = () => {
    if (failure !== undefined) throw failure.error;
  };
  return {
    async add(item: T): Promise<void> {
      const one: Promise<void> = work(item)
        .catch((error: unknown) => {
          failure ??= { error };
        })
        .finally(() => running.delete(one));
      running.add(one);
      if (running.size >= AT_ONCE) await Promise.race(running);
      check();
    },
    async end(): Promise<void> {
      await Promise.all(running);
      check();
    },
  };
}
