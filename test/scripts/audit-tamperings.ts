import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { AuditHead } from '../../functions/core/audit/audit.ts';
import type { Fields } from '../../functions/core/ports.ts';
import { type Finding, findingText } from '../../scripts/audit/finding.ts';
import { type AuditedStack, auditedStack, HOUR_MS, type Tampering, tampering } from './audit-kit.ts';

const ENTITIES = 40;
const ENTRIES = 245;
const TENANTS = ['default', 'acme'];

/** What is done, and what has to be said of it: each of the findings names one of these entities. */
interface Expected {
  readonly entities: readonly string[];
  readonly kind: Finding['kind'];
  readonly number?: number;
}

/** Each kind of tampering, at places of chance, `tries` times. */
export function findsTampering(this: Mocha.Suite, tries: number): void {
  this.timeout(600_000);
  let stack: AuditedStack;
  let tamper: Tampering;
  /** Ended before the last seal: short ones, and one with a part moved out. */
  const tasks: string[] = [];
  let long: string;

  before(async () => {
    stack = await auditedStack();
    tamper = tampering(stack);
    await stack.sealed();
    const decided = Array.from({ length: ENTITIES }, (_, n) => stack.decide(tenantOf(n), entityOf(n), ENTRIES));
    await Promise.all(decided);
    for (const notes of [40, 50, 60]) tasks.push(await stack.noted(notes));
    await stack.sealed();
    await stack.run({});
    await stack.sealed();
    stack.time.skewMs += 24 * HOUR_MS;
    long = await stack.noted(330);
    await stack.sealed();
  });
  after(() => stack.stop());
  afterEach(() => tamper.undo());

  const tenantOf = (n: number): string => TENANTS[n % 2] as string;
  const entityOf = (n: number): string => `agent:${n >> 1}`;
  const nameOf = (n: number): string => `${entityOf(n)} of ${tenantOf(n)}`;
  const idOf = (n: number): string => tamper.id(tenantOf(n), entityOf(n));

  it('finds nothing wrong with 10,000 entries that nobody has touched', async () => {
    const { findings, counts } = await stack.verified();
    assert.deepEqual(findings.map(findingText), []);
    assert.deepEqual([counts.entities, counts.entries, counts.tasks], [ENTITIES, ENTITIES * ENTRIES, 5]);
    assert.deepEqual([counts.roots, counts.sealed, counts.seals], [1, ENTITIES + 5, 3]);
  });

  /** Tampers at places of chance, and holds what is found against what has to be. */
  function finds(what: string, part: (n: number, k: number, m: number) => Promise<Expected>, runs = tries): void {
    it(`finds ${what}`, async () => {
      const place = fc.tuple(
        fc.nat(ENTITIES - 1),
        fc.integer({ min: 2, max: ENTRIES - 2 }),
        fc.integer({ min: 1, max: ENTITIES - 1 }),
      );
      await fc.assert(
        fc.asyncProperty(place, async ([n, k, m]) => {
          const { entities, kind, number } = await part(n, k, m);
          try {
            const { findings } = await stack.verified();
            const said = findings.map(findingText).join('\n');
            assert.ok(
              findings.some((one) => one.entity === entities[0] && one.kind === kind && one.number === number),
              `${entities[0]} ${number} ${kind} is not in:\n${said}`,
            );
            for (const { entity } of findings) assert.ok(entities.includes(entity), said);
          } finally {
            await tamper.undo();
          }
        }),
        { numRuns: runs, endOnFailure: true },
      );
    });
  }

  const changes: [string, (entry: Fields) => Fields][] = [
    ['its event', (entry) => ({ ...entry, event: 'approved' })],
    ['who decided', (entry) => ({ ...entry, actor: 'somebody-else' })],
    ['its time', (entry) => ({ ...entry, at: (entry.at as number) + 1 })],
    ['what it says', (entry) => ({ ...entry, detail: { ...(entry.detail as object), n: -1 } })],
    ['a field more', (entry) => ({ ...entry, approved: true })],
    ['a field less', ({ detail: _, ...entry }) => entry],
    ['its hash', (entry) => ({ ...entry, hash: `A${String(entry.hash).slice(1)}B` })],
  ];
  for (const [what, change] of changes)
    finds(
      `an edited entry: ${what}`,
      async (n, k) => {
        await tamper.setEntry(idOf(n), k, change(await tamper.entry(idOf(n), k)));
        return { entities: [nameOf(n)], kind: 'edited', number: k };
      },
      1,
    );

  finds('an edit of the newest entry', async (n) => {
    await tamper.setEntry(idOf(n), ENTRIES, { ...(await tamper.entry(idOf(n), ENTRIES)), actor: 'nobody' });
    return { entities: [nameOf(n)], kind: 'edited', number: ENTRIES };
  });
  finds('a deleted entry', async (n, k) => {
    await tamper.setEntry(idOf(n), k, undefined);
    return { entities: [nameOf(n)], kind: 'deleted', number: k };
  });
  finds('the newest entry deleted', async (n) => {
    await tamper.setEntry(idOf(n), ENTRIES, undefined);
    return { entities: [nameOf(n)], kind: 'deleted', number: ENTRIES };
  });
  finds('two entries swapped', async (n, k, m) => {
    const other = k + 1 + (m % (ENTRIES - k));
    const [a, b] = [await tamper.entry(idOf(n), k), await tamper.entry(idOf(n), other)];
    await tamper.setEntry(idOf(n), k, b);
    await tamper.setEntry(idOf(n), other, a);
    return { entities: [nameOf(n)], kind: 'swapped', number: k };
  });
  finds('neighbours swapped', async (n, k) => {
    const [a, b] = [await tamper.entry(idOf(n), k), await tamper.entry(idOf(n), k + 1)];
    await tamper.setEntry(idOf(n), k, b);
    await tamper.setEntry(idOf(n), k + 1, a);
    return { entities: [nameOf(n)], kind: 'swapped', number: k };
  });
  finds('an entry of another entity, or tenant, in its place', async (n, k, m) => {
    const other = (n + m) % ENTITIES;
    await tamper.setEntry(idOf(n), k, await tamper.entry(idOf(other), k));
    return { entities: [nameOf(n)], kind: 'swapped', number: k };
  });
  finds('an entry that follows from nothing, behind the last', async (n, k) => {
    await tamper.setEntry(idOf(n), ENTRIES + 1, await tamper.entry(idOf(n), k));
    return { entities: [nameOf(n)], kind: 'added', number: ENTRIES + 1 };
  });
  finds('a head set back, its entries left', async (n, k) => {
    await setBack(n, k);
    return { entities: [nameOf(n)], kind: 'truncated', number: k + 1 };
  });
  finds('the last entries cut off together with the head', async (n, k) => {
    await setBack(n, k);
    for (let number = k + 1; number <= ENTRIES; number++) await tamper.setEntry(idOf(n), number, undefined);
    return { entities: [nameOf(n)], kind: 'truncated', number: k + 1 };
  });
  finds('an entity removed with all of its entries', async (n) => {
    for (let number = 1; number <= ENTRIES; number++) await tamper.setEntry(idOf(n), number, undefined);
    await tamper.setHead(idOf(n), undefined);
    return { entities: [nameOf(n)], kind: 'removed' };
  });
  finds('a head removed, its entries left', async (n) => {
    await tamper.setHead(idOf(n), undefined);
    return { entities: [nameOf(n)], kind: 'truncated', number: 1 };
  });
  finds('the head of another entity', async (n, _, m) => {
    const other = (n + m) % ENTITIES;
    await tamper.setHead(idOf(n), await tamper.head(idOf(other)));
    return { entities: [nameOf(other)], kind: 'swapped' };
  });

  async function setBack(n: number, k: number): Promise<void> {
    const head = await tamper.head(idOf(n));
    const { hash } = await tamper.entry(idOf(n), k);
    await tamper.setHead(idOf(n), { ...head, chain: { head: String(hash), count: k } } satisfies AuditHead);
  }

  type Timeline = Fields[];
  const timelineOf = (task: Fields) => task.timeline as Timeline;
  const withTimeline = (task: Fields, timeline: Timeline, setsHead = false): Fields => {
    const state = task.state as { chain: object };
    const chain = { ...state.chain, head: timeline.at(-1)?.hash, count: timeline.length };
    return { ...task, timeline, ...(setsHead ? { state: { ...state, chain } } : {}) };
  };
  /** Of a task: what is done to its timeline. */
  function findsInTask(
    what: string,
    kind: Finding['kind'],
    change: (task: Fields, k: number) => Fields | undefined,
    numberOf: (k: number, count: number) => number | undefined = (k) => k,
  ): void {
    finds(`${what} of a task`, async (n, k) => {
      const id = tasks[n % tasks.length] as string;
      const task = await tamper.task(id);
      const count = timelineOf(task).length;
      const place = 2 + (k % (count - 3));
      await tamper.setTask(id, change(task, place));
      const number = numberOf(place, count);
      return { entities: [`task:${id}`], kind, ...(number === undefined ? {} : { number }) };
    });
  }
  const changedAt = (task: Fields, k: number, part: Fields) =>
    withTimeline(task, timelineOf(task).with(k - 1, { ...timelineOf(task)[k - 1], ...part }));

  findsInTask('an edited entry', 'edited', (task, k) => changedAt(task, k, { by: 'nobody' }));
  findsInTask('a deleted entry', 'deleted', (task, k) => withTimeline(task, timelineOf(task).toSpliced(k - 1, 1)));
  findsInTask('an added entry', 'added', (task, k) =>
    withTimeline(task, timelineOf(task).toSpliced(k - 1, 0, { ...timelineOf(task)[0], hash: 'x'.repeat(43) })),
  );
  findsInTask('swapped entries', 'swapped', (task, k) => {
    const timeline = timelineOf(task);
    return withTimeline(task, timeline.with(k - 1, timeline[k] as Fields).with(k, timeline[k - 1] as Fields));
  });
  findsInTask(
    'the newest entry, deleted,',
    'truncated',
    (task) => withTimeline(task, timelineOf(task).slice(0, -1)),
    (_, count) => count,
  );
  findsInTask(
    'last entries cut off with the head',
    'truncated',
    (task, k) => withTimeline(task, timelineOf(task).slice(0, k), true),
    (k) => k + 1,
  );
  findsInTask(
    'the removal',
    'removed',
    () => undefined,
    () => undefined,
  );
  findsInTask(
    'another tenant',
    'edited',
    (task) => ({ ...task, tenant: 'acme' }),
    () => 1,
  );
  finds('a timeline of another task in its place', async () => {
    const [one, other] = [await tamper.task(tasks[0] as string), await tamper.task(tasks[1] as string)];
    await tamper.setTask(tasks[0] as string, withTimeline(one, timelineOf(other), true));
    return { entities: [`task:${tasks[0]}`], kind: 'edited', number: 1 };
  });
  for (const [what, change, kind, number] of [
    [
      'an edited entry',
      (data: Fields) => ({
        ...data,
        entries: (data.entries as Timeline).with(40, { ...(data.entries as Timeline)[40], note: 'x' }),
      }),
      'edited',
      141,
    ],
    ['all of it gone', () => undefined, 'deleted', 101],
    ['an entry less', (data: Fields) => ({ ...data, entries: (data.entries as Timeline).toSpliced(10, 1) }), 'edited', 111],
  ] as const)
    finds(
      `${what} in what was moved out of a long timeline`,
      async () => {
        const { documents } = await stack.documents.query('timelines', {
          equal: { taskId: long },
          orderBy: { field: 'from', direction: 'asc' },
          limit: 10,
        });
        const moved = documents[1];
        assert.equal(moved?.data.from, 100);
        await tamper.setDocument('timelines', moved?.id as string, change(moved?.data as Fields));
        return { entities: [`task:${long}`], kind, number };
      },
      1,
    );

  const isSeal = (name: string) => !name.endsWith('/root');
  const sealNames = async () => (await tamper.seals()).filter(isSeal);
  for (const which of [0, 1, -1])
    finds(
      `a seal removed: ${which === 0 ? 'the first' : which === -1 ? 'the last' : 'one between'}`,
      async () => {
        const names = await sealNames();
        await tamper.setSeal(names.at(which) as string, undefined);
        return { entities: [`seal ${which === -1 ? names.length : which + 1}`, '2'], kind: 'seal missing' };
      },
      1,
    );
  finds(
    'an edited seal',
    async () => {
      const name = (await sealNames())[1] as string;
      await tamper.setSeal(name, Buffer.from((await tamper.seal(name)).toString().replace('"count":', '"count" :')));
      return { entities: [name, 'seal 2'], kind: 'seal edited' };
    },
    1,
  );
  finds(
    'a seal in the place of another',
    async () => {
      const [one, , other] = (await sealNames()) as [string, string, string];
      await tamper.setSeal(one, await tamper.seal(other));
      return { entities: [one, 'seal 1'], kind: 'seal swapped' };
    },
    1,
  );
  finds(
    'a day’s root removed',
    async () => {
      const root = (await tamper.seals()).find((name) => !isSeal(name)) as string;
      await tamper.setSeal(root, undefined);
      return { entities: [root], kind: 'seal missing' };
    },
    1,
  );
  finds(
    'an object that is no seal',
    async () => {
      await tamper.setSeal('2026-01-01/note', Buffer.from('hello'));
      return { entities: ['2026-01-01/note'], kind: 'seal added' };
    },
    1,
  );
  finds(
    'the last seal removed and the progress set back, of which a seal remains',
    async () => {
      const names = await sealNames();
      const stored = await tamper.document('sealing', 'progress');
      await tamper.setDocument('sealing', 'progress', { state: { ...(stored.state as object), number: 1 } });
      return { entities: ['sealing/progress'], kind: names.length > 2 ? 'truncated' : 'edited' };
    },
    1,
  );
}
