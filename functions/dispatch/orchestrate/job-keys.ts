/**
 * Once in 24 hours: a document for each key says which job it stands for. It is made in the commit that makes the job, so of
 * those who ask at the same time one makes a job, and the others find it.
 */

import { createHash } from 'node:crypto';
import { Problem } from '../../core/errors.ts';
import { fingerprint } from '../../core/fingerprint.ts';
import { hashedId } from '../../core/hashed-id.ts';
import { PreconditionFailed, type Write } from '../../core/ports.ts';
import type { Runtime } from '../../core/runtime.ts';
import { readTask } from '../../core/store.ts';
import { isEnded, type JsonObject } from '../../core/task.ts';

/** The collection of keys. */
export const JOB_KEYS = 'job-keys';
const WINDOW_MS = 86_400_000;
const MAX_TRIES = 5;

/** How a job is to be made: under this id, with this write in the same commit. */
export interface Once {
  readonly id?: string;
  readonly also?: readonly Write[];
}

interface Made {
  readonly status: 200 | 202;
  readonly id: string;
  readonly replayed: boolean;
}

/**
 * The job of a key that was made in the last 24 hours, else the one that `make` makes. Without a key always a new one. Throws
 * `Problem` 422 `idempotency_key_reused` where an explicit key stands for something else.
 */
export async function onceADay(
  runtime: Pick<Runtime, 'documents' | 'clock' | 'ids'>,
  tenant: string,
  {
    key,
    isExplicit,
    packet,
  }: { readonly key: string | undefined; readonly isExplicit: boolean; readonly packet: { agent: string; payload: JsonObject } },
  make: (once: Once) => Promise<Made>,
): Promise<Made> {
  if (key === undefined) return make({});
  const id = runtime.ids.random(16);
  // Nobody's key can stand for what others ask without one.
  const keyId = hashedId(tenant, isExplicit ? 'job-key' : 'job-inputs', key);
  const print = fingerprint(packet.agent, packet.payload);
  let version: string | undefined;
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const now = runtime.clock.now();
    const data = { tenant, taskId: id, fingerprint: print, createdAt: now, expireAt: now + 2 * WINDOW_MS };
    const place = { collection: JOB_KEYS, id: keyId, data };
    const write: Write = version === undefined ? { kind: 'create', ...place } : { kind: 'replace', version, ...place };
    try {
      return await make({ id, also: [write] });
    } catch (error) {
      if (!(error instanceof PreconditionFailed)) throw error;
      const found = await runtime.documents.get(JOB_KEYS, keyId);
      const { taskId, createdAt, fingerprint: before } = (found?.data ?? {}) as Partial<typeof data>;
      const known = createdAt !== undefined && now - createdAt < WINDOW_MS ? await readTask(runtime, String(taskId)) : undefined;
      version = found?.version;
      if (known === undefined) continue;
      if (isExplicit && before !== print) throw reused();
      return { status: isEnded(known.task.status) ? 200 : 202, id: known.id, replayed: true };
    }
  }
  throw new Problem(503, 'contention', 'The job could not be created; try again.', { retryAfterSeconds: 1 });
}

/**
 * The key of what has none: the SHA-256 of `{"inputs": …, "intent": …}` as JSON with sorted keys, a space behind each comma and
 * colon, and all that is not printable ASCII escaped, as Python's `json.dumps(…, sort_keys=True)` writes it (but for how it writes
 * fractions that are whole).
 */
export function implicitKey(intent: string, inputs: JsonObject): string {
  return createHash('sha256').update(spaced({ inputs, intent })).digest('hex');
}

function spaced(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(spaced).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return escaped(JSON.stringify(value));
  const entries = Object.entries(value)
    .map(([key, one]) => [key, one, Buffer.from(key)] as const)
    .sort(([, , a], [, , b]) => Buffer.compare(a, b));
  return `{${entries.map(([key, one]) => `${escaped(JSON.stringify(key))}: ${spaced(one)}`).join(', ')}}`;
}

const escaped = (text: string): string =>
  text.replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);

const reused = (): Problem =>
  new Problem(422, 'idempotency_key_reused', 'This idempotency_key stands for another intent or other inputs.', {
    fields: [{ field: 'idempotency_key', code: 'idempotency_key_reused', message: 'is taken by another job' }],
  });
