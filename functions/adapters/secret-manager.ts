import { randomUUID } from 'node:crypto';
import { secretName } from '../core/addresses.ts';
import { Problem } from '../core/errors.ts';
import type { Clock, Secrets } from '../core/ports.ts';
import type { Settings } from '../core/settings.ts';
import { secretManagerApi } from './secret-manager-api.ts';
import { checkedSecretName } from './secret-name.ts';

export interface SecretManagerOptions {
  readonly settings: Pick<Settings, 'project' | 'region'>;
  readonly clock: Clock;
  /** Of a server that speaks the API without credentials: `host:port`. */
  readonly emulatorHost?: string;
}

/** How long a value is taken as it was read: each access costs, and a rotation is not over before every instance has read it. */
export const FRESH_MS = 300_000;
/** While Secret Manager does not answer, the last value stays in use; it is asked again no sooner than this. */
const COOLDOWN_MS = 10_000;
/** Names the one writer that may add the first version. */
const FIRST_WRITER = 'heliograph-first-writer';
const PENDING_MS = 10_000;
const STEP_MS = 100;

/**
 * The secrets in Secret Manager: the newest version of each, up to five minutes old. `write` adds a version. A secret whose newest
 * version is disabled is `Problem` `secret_disabled`, without the role for it `secret_denied`, otherwise `secrets_unavailable`.
 *
 * Of several writers with `ifAbsent` one wins, by the entity tag of the secret; the others wait for its version, and get
 * `secret_pending` when it died before. Against a `write` without `ifAbsent` at the same time nothing protects: the newest version
 * counts.
 *
 * Source: Secret Manager, "Use entity tags for optimistic concurrency control".
 */
export function secretManager({ settings, clock, emulatorHost }: SecretManagerOptions): Secrets {
  const api = secretManagerApi(settings.project, emulatorHost);
  const parent = `projects/${settings.project}`;
  const known = new Map<string, { readonly value: string; until: number }>();
  const pathOf = (name: string): string => `${parent}/secrets/${secretName(checkedSecretName(name))}`;

  async function newest(name: string): Promise<string | undefined> {
    const answer = await api(`${pathOf(name)}/versions/latest:access`);
    if (answer.refused === 'NOT_FOUND') return undefined;
    if (answer.refused !== undefined) throw refusal(name, answer.refused);
    const { payload } = answer.json as { payload?: { data?: string } };
    return Buffer.from(payload?.data ?? '', 'base64').toString('utf8');
  }

  async function addVersion(name: string, value: string): Promise<void> {
    const call = { method: 'POST', body: { payload: { data: Buffer.from(value).toString('base64') } } } as const;
    let added = await api(`${pathOf(name)}:addVersion`, call);
    if (added.refused === 'NOT_FOUND') {
      await ensured(name);
      added = await api(`${pathOf(name)}:addVersion`, call);
    }
    if (added.refused !== undefined) throw refusal(name, added.refused);
  }

  /** The secret without its value; made where there is none. */
  async function ensured(name: string): Promise<SecretResource> {
    const found = await api(pathOf(name));
    if (found.refused === undefined) return found.json as SecretResource;
    if (found.refused !== 'NOT_FOUND') throw refusal(name, found.refused);
    const body = { replication: { userManaged: { replicas: [{ location: settings.region }] } } };
    const made = await api(`${parent}/secrets`, { method: 'POST', query: { secretId: secretName(name) }, body });
    if (made.refused === undefined) return made.json as SecretResource;
    if (made.refused === 'ALREADY_EXISTS') return ensured(name);
    throw refusal(name, made.refused);
  }

  /** True for one writer alone. Whether the change was refused or only its answer lost, the annotation tells. */
  async function isFirst(name: string): Promise<boolean> {
    const { etag, annotations = {} } = await ensured(name);
    if (annotations[FIRST_WRITER] !== undefined) return false;
    const own = randomUUID();
    const body = { etag, annotations: { ...annotations, [FIRST_WRITER]: own } };
    const changed = await api(pathOf(name), { method: 'PATCH', query: { updateMask: 'annotations' }, body }).catch(
      (error: Problem) => error,
    );
    const winner = (await ensured(name)).annotations?.[FIRST_WRITER];
    if (winner === undefined) throw changed instanceof Problem ? changed : refusal(name, changed.refused);
    return winner === own;
  }

  async function pending(name: string): Promise<void> {
    const end = clock.now() + PENDING_MS;
    while ((await newest(name)) === undefined) {
      if (clock.now() > end) throw new Problem(503, 'secret_pending', `The first writer of ${secretName(name)} has not added it.`);
      await clock.sleep(STEP_MS);
    }
  }

  return {
    async read(name) {
      const last = known.get(name);
      if (last !== undefined && last.until > clock.now()) return last.value;
      try {
        const value = await newest(name);
        if (value === undefined) known.delete(name);
        else known.set(name, { value, until: clock.now() + FRESH_MS });
        return value;
      } catch (error) {
        if (last === undefined || (error as Problem).code !== 'secrets_unavailable') throw error;
        last.until = clock.now() + COOLDOWN_MS;
        return last.value;
      }
    },

    async write(name, value, { ifAbsent = false } = {}) {
      if (!ifAbsent) await addVersion(name, value);
      else if ((await newest(name)) === undefined) await ((await isFirst(name)) ? addVersion(name, value) : pending(name));
      known.delete(name);
    },
  };
}

interface SecretResource {
  readonly etag: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

function refusal(name: string, reason: string | undefined): Problem {
  const secret = secretName(name);
  if (reason === 'PERMISSION_DENIED')
    return new Problem(503, 'secret_denied', `This account may not use the secret ${secret}: deploy again, or grant it the role.`);
  if (reason === 'FAILED_PRECONDITION')
    return new Problem(
      503,
      'secret_disabled',
      `The newest version of ${secret} is disabled or destroyed: enable it or add another.`,
    );
  return new Problem(503, 'secrets_unavailable', `Secret Manager refused ${secret}: ${reason}.`);
}
