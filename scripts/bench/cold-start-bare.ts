/**
 * The yardstick of a function's cold start: makes the client calls that stand in its request's body, and nothing else. No
 * checks, no signatures, no settings, no log.
 */

import type { ServerResponse } from 'node:http';
import type { DocumentData, Firestore, Query, UpdateData, WriteBatch } from '@google-cloud/firestore';
import type { PubSub, Topic } from '@google-cloud/pubsub';
import type { GoogleAuth } from 'google-auth-library';
import type { Write } from '../../functions/core/ports.ts';
import type { Call, Steps } from './cold-start-calls.ts';

/** The client libraries that the bundle has. */
export interface Libraries {
  readonly firestore?: typeof import('@google-cloud/firestore');
  readonly pubsub?: typeof import('@google-cloud/pubsub');
  readonly auth?: typeof import('google-auth-library');
}

/** A handler with the clients that it will need made at its start. The framework has parsed the body. */
export function bare({ firestore, pubsub, auth }: Libraries) {
  const projectId = process.env.ORCHESTRATOR_PROJECT;
  const databases = new Map<string, Firestore>();
  const topics = new Map<string, Topic>();
  const messages = pubsub && new pubsub.PubSub({ projectId });
  const google = auth && new auth.GoogleAuth({ projectId });

  return async (request: { readonly body?: unknown }, response: ServerResponse): Promise<void> => {
    for (const step of request.body as Steps) await Promise.all(step.map(make));
    response.writeHead(204).end();
  };

  async function make(call: Call): Promise<void> {
    switch (call.kind) {
      case 'get':
        await database(call.database).collection(call.collection).doc(call.id).get();
        return;
      case 'query':
        await selection(database(call.database), call).get();
        return;
      case 'commit': {
        const batch = database(call.database).batch();
        for (const write of call.writes) add(batch, database(call.database), write);
        await batch.commit();
        return;
      }
      case 'publish':
        await topic(call.topic).publishMessage({ data: Buffer.from(call.data), attributes: call.attributes });
        return;
      case 'token': {
        const { idTokenProvider } = await (google as GoogleAuth).getIdTokenClient(call.audience);
        await idTokenProvider.fetchIdToken(call.audience);
        return;
      }
      case 'post': {
        const reply = await fetch(call.url, { method: 'POST', headers: call.headers, body: call.body });
        const text = await reply.text();
        if (!reply.ok) throw new Error(`${call.url} answered ${reply.status}: ${text}`);
      }
    }
  }

  function database(databaseId: string): Firestore {
    const known = databases.get(databaseId);
    if (known !== undefined) return known;
    if (firestore === undefined) throw new Error('This bundle has no Firestore.');
    const made = new firestore.Firestore({ projectId, databaseId });
    databases.set(databaseId, made);
    return made;
  }

  function topic(name: string): Topic {
    const known = topics.get(name) ?? (messages as PubSub).topic(name, { batching: { maxMilliseconds: 1 } });
    topics.set(name, known);
    return known;
  }

  function selection(store: Firestore, { collection, query }: Extract<Call, { kind: 'query' }>): Query {
    const { field, direction } = query.orderBy;
    let selected: Query = store.collection(collection);
    for (const [equal, value] of Object.entries(query.equal)) selected = selected.where(equal, '==', value);
    if (query.atMost !== undefined) selected = selected.where(field, '<=', query.atMost);
    return selected.orderBy(field, direction).limit(query.limit);
  }
}

/** Fields alone: what is removed or appended, and under which version, is a word more or less in the same request. */
function add(batch: WriteBatch, store: Firestore, write: Write): void {
  const reference = store.collection(write.collection).doc(write.id);
  if (write.kind === 'create') batch.create(reference, write.data);
  else if (write.kind === 'update') batch.update(reference, (write.set ?? {}) as UpdateData<DocumentData>);
  else throw new Error(`A first request that makes a ${write.kind} has to be taught to the bare function.`);
}
