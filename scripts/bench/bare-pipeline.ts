/**
 * The yardstick on the emulators: publish, pull, HTTP push, the same three writes, publish, pull, push, and nothing else. No
 * checks, no tokens, no signatures, no budgets, no recovery.
 */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Firestore } from '@google-cloud/firestore';
import { PubSub } from '@google-cloud/pubsub';
import { Pool } from 'undici';

export interface Pipeline {
  /** Sends that many tasks through, without waiting for each; resolves when the last one's third write is done. */
  run(tasks: number, clients: number): Promise<void>;
  /** Sends one through; resolves with its result once that is stored. */
  one(payload: object): Promise<unknown>;
  close(): Promise<void>;
}

/** The emulators are found by the environment, as the client libraries find them. */
export async function startBarePipeline(projectId: string): Promise<Pipeline> {
  const firestore = new Firestore({ projectId, databaseId: 'bare' });
  const pubsub = new PubSub({ projectId });
  const collection = firestore.collection('tasks');
  const publishers = new Map(
    ['bare-tasks', 'bare-results'].map((name) => [name, pubsub.topic(name, { batching: { maxMilliseconds: 1 } })]),
  );
  const waiting = new Map<string, (result: unknown) => void>();

  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { message } = JSON.parse(Buffer.concat(chunks).toString()) as { message: { data: string } };
    const task = JSON.parse(Buffer.from(message.data, 'base64').toString()) as { id: string; payload?: unknown; result?: unknown };
    if (request.url === '/tasks') {
      await collection.doc(task.id).update({ status: 'running', attempts: 1, updatedAt: Date.now() });
      await publish('bare-results', { id: task.id, result: { echo: task.payload } });
    } else {
      await collection.doc(task.id).update({ status: 'succeeded', result: JSON.stringify(task.result), finishedAt: Date.now() });
      waiting.get(task.id)?.(task.result);
      waiting.delete(task.id);
    }
    response.writeHead(204).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const pool = new Pool(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, { connections: 64 });
  const subscriptions = await Promise.all([pulled('bare-tasks', '/tasks'), pulled('bare-results', '/results')]);

  return {
    async run(tasks, clients) {
      const ends: Promise<unknown>[] = [];
      await Promise.all(
        Array.from({ length: clients }, async () => {
          while (ends.length < tasks) {
            const { ended, sent } = send({ number: ends.length, text: 'measured' });
            ends.push(ended);
            await sent;
          }
        }),
      );
      await Promise.all(ends);
    },
    async one(payload) {
      const { ended, sent } = send(payload);
      await sent;
      return ended;
    },
    async close() {
      await Promise.all(subscriptions.map((subscription) => subscription.close()));
      await pool.close();
      server.close();
      await pubsub.close();
      await firestore.terminate();
    },
  };

  function send(payload: object): { readonly sent: Promise<unknown>; readonly ended: Promise<unknown> } {
    const { id } = collection.doc();
    const ended = new Promise((resolve) => waiting.set(id, resolve));
    const create = collection.doc(id).create({ status: 'queued', payload: JSON.stringify(payload), createdAt: Date.now() });
    return { ended, sent: create.then(() => publish('bare-tasks', { id, payload })) };
  }

  function publish(topic: string, value: unknown): Promise<string> | undefined {
    return publishers.get(topic)?.publishMessage({ data: Buffer.from(JSON.stringify(value)) });
  }

  async function pulled(topic: string, path: string) {
    await pubsub.createTopic(topic);
    const [subscription] = await pubsub.topic(topic).createSubscription(`sub-${topic}`, { ackDeadlineSeconds: 60 });
    subscription.setOptions({
      flowControl: { maxMessages: 576 },
      batching: { maxMilliseconds: 5 },
      streamingOptions: { maxStreams: 5 },
    });
    subscription.on('message', async (message) => {
      const body = JSON.stringify({
        message: { data: message.data.toString('base64'), messageId: message.id },
        subscription: topic,
      });
      const answer = await pool.request({ path, method: 'POST', headers: { 'content-type': 'application/json' }, body });
      await answer.body.dump();
      if (answer.statusCode === 204) message.ack();
      else message.nack();
    });
    return subscription;
  }
}
