/**
 * What a function's row in the topology gives it, and nothing else. In the cloud IAM refuses the rest; refused here as well, a
 * missing role is found before it is deployed.
 */

import { Problem } from '../core/errors.ts';
import type { Documents, Messages, Objects, Secrets, SubscriptionAdmin } from '../core/ports.ts';
import type { Settings } from '../core/settings.ts';
import type { Role } from '../topology.ts';

/** The ports that roles speak of, and the signing key behind its own. */
export interface Grantable {
  readonly documents: Documents;
  readonly control: Documents;
  readonly messages: Messages;
  readonly subscriptions: SubscriptionAdmin;
  readonly objects: Objects;
  readonly secrets: Secrets;
}

/** Narrows the ports to the roles: everything else is `Problem` 500 `not_granted`. */
export function granted(name: string, roles: readonly Role[], ports: Grantable, { topics }: Pick<Settings, 'topics'>): Grantable {
  const refuse = (what: string): Problem => new Problem(500, 'not_granted', `In the topology, ${name} has no role to ${what}.`);

  function documents(database: 'tasks' | 'control', port: Documents): Documents {
    const access = roles.find((role) => role.kind === 'database' && role.database === database);
    const mayRead = access?.kind === 'database';
    const mayWrite = mayRead && access.access === 'write';
    const read = async (): Promise<never> => Promise.reject(refuse(`read the database ${database}`));
    return {
      get: mayRead ? port.get : read,
      query: mayRead ? port.query : read,
      commit: mayWrite ? port.commit : async () => Promise.reject(refuse(`write the database ${database}`)),
      watch: mayRead
        ? port.watch
        : (_collection, _id, _onChange, onError) => {
            onError(refuse(`read the database ${database}`));
            return () => {};
          },
      close: port.close,
    };
  }

  const topicsOf = (kind: 'publish' | 'subscribe') =>
    roles.flatMap((role) => (role.kind === kind ? [topics[role.topic as keyof typeof topics] ?? role.topic] : []));
  const published = topicsOf('publish');
  const subscribed = topicsOf('subscribe');
  const mayUse = (bucket: string, access: 'read' | 'write') =>
    roles.some((role) => role.kind === 'bucket' && role.bucket === bucket && (role.access === 'write' || role.access === access));
  const maySee = (secret: string) => roles.some((role) => role.kind === 'secret' && role.secret === secret);
  const { messages, subscriptions, objects, secrets } = ports;

  return {
    documents: documents('tasks', ports.documents),
    control: documents('control', ports.control),
    messages: {
      async publish(topic, message) {
        if (!published.includes(topic)) throw refuse(`publish on ${topic}`);
        return messages.publish(topic, message);
      },
      close: messages.close,
    },
    subscriptions: {
      async ensure(subscription, row) {
        if (!subscribed.includes(row.topic)) throw refuse(`make subscriptions of ${row.topic}`);
        return subscriptions.ensure(subscription, row);
      },
      async remove(subscription) {
        if (subscribed.length === 0) throw refuse('remove subscriptions');
        return subscriptions.remove(subscription);
      },
    },
    objects: {
      async put(bucket, ...rest) {
        if (!mayUse(bucket, 'write')) throw refuse(`write to the bucket ${bucket}`);
        return objects.put(bucket, ...rest);
      },
      async get(bucket, ...rest) {
        if (!mayUse(bucket, 'read')) throw refuse(`read the bucket ${bucket}`);
        return objects.get(bucket, ...rest);
      },
      async delete(bucket, ...rest) {
        if (!mayUse(bucket, 'write')) throw refuse(`write to the bucket ${bucket}`);
        return objects.delete(bucket, ...rest);
      },
      async list(bucket, ...rest) {
        if (!mayUse(bucket, 'read')) throw refuse(`read the bucket ${bucket}`);
        return objects.list(bucket, ...rest);
      },
    },
    secrets: {
      async read(secret) {
        if (!maySee(secret)) throw refuse(`read the secret ${secret}`);
        return secrets.read(secret);
      },
      // The role for a secret is to read it.
      write: async (secret) => Promise.reject(refuse(`write the secret ${secret}`)),
    },
  };
}
