/** The ports of one instance. Each call takes its time, and may fail before its effect, after it, or end the instance. */

import { Problem } from '../../functions/core/errors.ts';
import { type Documents, PreconditionFailed, type Write } from '../../functions/core/ports.ts';
import type { Runtime } from '../../functions/core/runtime.ts';
import type { Broker } from './broker.ts';
import { egressOf } from './egress.ts';
import type { Instance } from './instances.ts';
import type { Network } from './network.ts';
import type { Store } from './store.ts';
import { latency, type World } from './world.ts';

type Ports = Pick<Runtime, 'documents' | 'control' | 'messages' | 'objects' | 'secrets' | 'clock' | 'ids' | 'egress' | 'log'>;

export function portsOf(world: World, instance: Instance, broker: Broker, network: Network): Ports {
  const { schedule, chance, story, objects } = world;
  const now = () => Math.floor(schedule.now() + instance.skewMs);
  const storeTime = () => Math.floor(schedule.now());

  /** One call: `effect` happens where the port leads to. `refused` is what a repeat by the client library is told. */
  function call<T>(what: string, effect: () => T, unavailable: () => Error, refused?: () => Error): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (!instance.isAlive) return;
      const { crash, failed, lostReply, repeated } = world.faults();
      const crashes = chance.happens(crash) ? chance.oneOf(['before', 'after'] as const) : undefined;
      if (crashes === 'before') return instance.crash(`before ${what}`);
      const fails = chance.happens(failed);
      const isRepeated = refused !== undefined && chance.happens(repeated);
      const lost = isRepeated ? refused : chance.happens(lostReply) ? unavailable : undefined;
      schedule.after(latency(world), () => {
        if (fails) {
          story.tell(instance.label, () => `${what} fails`);
          return replied(() => reject(unavailable()));
        }
        let reply: () => void;
        try {
          const value = effect();
          reply = () => resolve(value);
        } catch (error) {
          reply = () => reject(error);
        }
        if (crashes === 'after') return instance.crash(`after ${what}`);
        if (lost === undefined) return replied(reply);
        const error = lost();
        story.tell(instance.label, () => `the reply to ${what} is lost (${(error as { code?: string }).code})`);
        replied(() => reject(error));
      });
    });
  }

  function replied(reply: () => void): void {
    schedule.after(latency(world), () => {
      if (instance.isAlive) reply();
    });
  }

  function documentsOf(store: Store): Documents {
    return {
      get: (collection, id) =>
        call(
          `get ${collection}/${id}`,
          () => {
            const found = store.get(collection, id);
            return found && { ...found, at: storeTime() };
          },
          storeUnavailable,
        ),
      commit: (writes) =>
        call(
          `commit ${named(writes)}`,
          () => store.commit(writes, storeTime()),
          storeUnavailable,
          // The library repeats a commit that had no answer: what the commit required has then gone.
          repeatRefused,
        ),
      query: (collection, query) =>
        call(`query ${collection}`, () => ({ documents: store.query(collection, query), at: storeTime() }), storeUnavailable),
      watch(collection, id, onChange) {
        let isStopped = false;
        const tell = () =>
          replied(() => {
            if (!isStopped) onChange(store.get(collection, id));
          });
        store.onCommit((changes) => {
          if (!isStopped && changes.some((change) => change.collection === collection && change.id === id)) tell();
        });
        tell();
        return () => {
          isStopped = true;
        };
      },
      close: async () => {},
    };
  }

  return {
    documents: documentsOf(world.documents),
    control: documentsOf(world.control),
    messages: {
      publish: (topic, message) =>
        call(`publish on ${topic}`, () => broker.publish(topic, message.data, message.attributes), messagesUnavailable),
      close: async () => {},
    },
    objects: {
      put: (bucket, name, bytes, { ifAbsent } = {}) =>
        call(
          `put ${bucket}/${name}`,
          () => {
            const isNew = !objects.has(`${bucket}/${name}`);
            if (isNew || !ifAbsent) objects.set(`${bucket}/${name}`, bytes);
            return isNew || !ifAbsent;
          },
          objectsUnavailable,
        ),
      get: (bucket, name) => call(`get ${bucket}/${name}`, () => objects.get(`${bucket}/${name}`), objectsUnavailable),
      delete: async (bucket, name) => {
        objects.delete(`${bucket}/${name}`);
      },
      list: async () => ({ objects: [] }),
    },
    secrets: {
      read: (name) => call(`read the secret ${name}`, () => SECRETS[name], secretsUnavailable),
      write: async () => {},
    },
    clock: {
      now,
      sleep: (ms, signal) =>
        new Promise((resolve, reject) => {
          if (signal?.aborted) return reject(signal.reason);
          const cancel = schedule.after(ms, () => instance.isAlive && resolve());
          signal?.addEventListener('abort', () => {
            cancel();
            reject(signal.reason);
          });
        }),
      after: (ms, run) => schedule.after(ms, () => instance.isAlive && run()),
    },
    ids: { random: (bytes) => chance.hexadecimal(bytes), below: (below) => chance.below(below) },
    egress: egressOf(world, instance, network),
    log: {
      debug() {},
      info: (_fields, message) => story.tell(instance.label, () => `logs: ${message}`),
      warn: (_fields, message) => story.tell(instance.label, () => `logs: ${message}`),
      error(fields, message) {
        story.tell(instance.label, () => `logs an error: ${message}`);
        world.oracle.errorLogged(instance, fields, message);
      },
    },
  };
}

export const SECRETS: Readonly<Record<string, string>> = {
  'signing-key': 'the signing key of a simulated world, long enough',
  'webhook-keys': 'the webhook key of a simulated world, long enough',
};

const repeatRefused = () => new PreconditionFailed('The reply was lost, and the repeat refused.');
const storeUnavailable = () => new Problem(503, 'store_unavailable', 'The store did not answer as it should.');
const messagesUnavailable = () => new Problem(503, 'messages_unavailable', 'The broker did not take a message.');
const objectsUnavailable = () => new Problem(503, 'objects_unavailable', 'The object storage did not answer as it should.');
const secretsUnavailable = () => new Problem(503, 'secrets_unavailable', 'The secret could not be read.');

const named = (writes: readonly Write[]): string =>
  writes.map(({ kind, collection, id }) => `${kind} ${collection}/${id}`).join(' + ');
