/** A record with thousands of entries, and ways to tamper with it that can be taken back. */

import { AUDIT, AUDIT_HEADS, type AuditHead, auditId, commitAudited, entryId } from '../../functions/core/audit/audit.ts';
import { SEALS } from '../../functions/core/audit/seals.ts';
import type { Clock, Documents, Fields } from '../../functions/core/ports.ts';
import type { Runtime } from '../../functions/core/runtime.ts';
import { sealChains } from '../../functions/sweeper/seal-chains.ts';
import { type Verified, verifyAudit } from '../../scripts/audit/verify.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';
import { claimAsCodex } from '../support/stack-push.ts';

export const HOUR_MS = 3_600_000;

export interface AuditedStack extends EmbeddedTestStack {
  /** Of the test's own clock: its hours go by at once. */
  readonly time: { skewMs: number };
  verified(): Promise<Verified>;
  /** The next round of sealing, an hour later. */
  sealed(change?: Partial<Runtime>): Promise<number>;
  /** `count` decisions about an entity. */
  decide(tenant: string, entity: string, count: number): Promise<void>;
  /** A task with so many notes in its timeline. */
  noted(notes: number): Promise<string>;
}

export async function auditedStack(flags: Record<string, unknown> = {}): Promise<AuditedStack> {
  const times = { 'times.sweepMs': 100 * HOUR_MS, 'times.sealMs': HOUR_MS, 'times.sealLagMs': 1 };
  const stack = await embeddedStack({ ...times, ...flags });
  const time = { skewMs: 0 };
  const at = (runtime: Runtime): Runtime => {
    // What is found is looked at again soon after.
    const sleep: Clock['sleep'] = (_ms, signal) => runtime.clock.sleep(5, signal);
    const clock: Clock = { ...runtime.clock, now: () => runtime.clock.now() + time.skewMs, sleep };
    return { ...runtime, clock };
  };
  return Object.assign(stack, {
    time,
    verified: () =>
      verifyAudit({ ...at(stack.runtime('sweeper')), documents: stack.documents, control: stack.control, objects: stack.objects }),
    sealed(change: Partial<Runtime> = {}) {
      time.skewMs += HOUR_MS + 1_000;
      return sealChains({ ...at(stack.runtime('sweeper')), ...change });
    },
    async decide(tenant: string, entity: string, count: number) {
      const runtime = stack.runtime('control');
      for (let n = 0; n < count; n++) {
        const detail = { n, said: `decision ${n} about ${entity}` };
        const decision = { writes: [], event: n % 2 === 0 ? 'enabled' : 'disabled', detail, answer: undefined };
        await commitAudited(runtime, { tenant, entity, actor: `person-${n % 7}` }, async () => decision);
      }
    },
    async noted(notes: number) {
      stack.fate = (topic) => (topic === 'tasks' ? 'lost' : 'out');
      const { body } = await stack.dispatch({ agent: 'codex', mode: 'pubsub', ttlSeconds: 600, payload: { notes } });
      stack.fate = () => 'out';
      const { epoch, outcomeToken } = (await claimAsCodex(stack, body.id)).body.attempt;
      const update = async (part: object) => {
        const { status, body: said } = await stack.post(`/task-update/${body.id}`, { epoch, outcomeToken, ...part });
        if (status !== 200) throw new Error(`An update was answered ${status} ${JSON.stringify(said)}`);
      };
      for (let n = 0; n < notes; n++) await update({ note: `note ${n}` });
      await update({ outcome: { status: 'succeeded' } });
      await stack.ended(body.id);
      return body.id;
    },
  });
}

/** Does to a record what an intruder who may write everywhere would do; `undo` takes all of it back. */
export function tampering(stack: AuditedStack) {
  const undone: (() => Promise<void>)[] = [];
  const put = async (store: Documents, collection: string, id: string, data: Fields | undefined): Promise<void> => {
    const found = await store.get(collection, id);
    if (found === undefined && data === undefined) return;
    if (found === undefined) await store.commit([{ kind: 'create', collection, id, data: data as Fields }]);
    else if (data === undefined) await store.commit([{ kind: 'delete', collection, id }]);
    else await store.commit([{ kind: 'replace', collection, id, version: found.version, data }]);
  };
  const set = async (store: Documents, collection: string, id: string, data: Fields | undefined): Promise<void> => {
    const before = (await store.get(collection, id))?.data;
    undone.push(() => put(store, collection, id, before));
    await put(store, collection, id, data);
  };
  const { control, documents, objects } = stack;
  const get = async (store: Documents, collection: string, id: string) => (await store.get(collection, id))?.data as Fields;
  return {
    id: auditId,
    entry: (id: string, number: number) => get(control, AUDIT, entryId(id, number)),
    setEntry: (id: string, number: number, data: Fields | undefined) => set(control, AUDIT, entryId(id, number), data),
    head: async (id: string) => (await get(control, AUDIT_HEADS, id)) as unknown as AuditHead,
    setHead: (id: string, data: AuditHead | undefined) => set(control, AUDIT_HEADS, id, data as Fields | undefined),
    task: (id: string) => get(documents, 'tasks', id),
    setTask: (id: string, data: Fields | undefined) => set(documents, 'tasks', id, data),
    document: (collection: string, id: string) => get(documents, collection, id),
    setDocument: (collection: string, id: string, data: Fields | undefined) => set(documents, collection, id, data),
    seals: async () => (await objects.list(SEALS, '')).objects.map(({ name }) => name),
    seal: async (name: string) => (await objects.get(SEALS, name)) as Buffer,
    async setSeal(name: string, bytes: Buffer | undefined) {
      const before = await objects.get(SEALS, name);
      undone.push(async () => {
        if (before === undefined) await objects.delete(SEALS, name);
        else await objects.put(SEALS, name, before);
      });
      if (bytes === undefined) await objects.delete(SEALS, name);
      else await objects.put(SEALS, name, bytes);
    },
    async undo() {
      for (const one of undone.splice(0).reverse()) await one();
    },
  };
}

export type Tampering = ReturnType<typeof tampering>;
