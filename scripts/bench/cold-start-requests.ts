/**
 * The first real request of each function: a real token, and a message that the functions before it have really made, about a
 * task that stands in the emulator as they left it; with the client calls that the function makes of it.
 */

import { createServer } from 'node:http';
import type { Emulators } from '../../emulator-bridge/emulators.ts';
import { startIssuer } from '../../emulator-bridge/issuer.ts';
import { localKey } from '../../emulator-bridge/local-key.ts';
import { localSettings } from '../../emulator-bridge/local-stack.ts';
import { closeServer, LOOPBACK, listenLoopback } from '../../emulator-bridge/loopback.ts';
import { pushHeaders } from '../../emulator-bridge/push.ts';
import { envelopeWriter } from '../../emulator-bridge/push-envelope.ts';
import { systemClock } from '../../functions/adapters/clock.ts';
import { pubsubSubscriptions } from '../../functions/adapters/pubsub.ts';
import { remoteParts } from '../../functions/adapters/remote-parts.ts';
import { runtimeOf } from '../../functions/adapters/runtime.ts';
import { accountEmail, pushAccountEmail, pushAudience } from '../../functions/core/addresses.ts';
import { attemptOf } from '../../functions/core/agent/attempt.ts';
import type { RunMessage } from '../../functions/core/run-message.ts';
import type { Room, Runtime } from '../../functions/core/runtime.ts';
import { readSettings, type Settings, toEnvironment } from '../../functions/core/settings.ts';
import { rooms } from '../../functions/rooms.ts';
import { topology } from '../../functions/topology.ts';
import type { Steps } from './cold-start-calls.ts';
import type { FirstRequest } from './cold-start-process.ts';
import { answeredBy, recordedCalls } from './cold-start-recording.ts';
import { emptyStores } from './emulated-stores.ts';

export interface FirstRequests {
  /** The functions that there is one for. */
  readonly names: readonly string[];
  /** Of the function's process. */
  environment(name: string): Promise<Readonly<Record<string, string>>>;
  /** Empties the stores and makes a fresh one. */
  next(name: string): Promise<{ readonly request: FirstRequest; readonly calls: Steps }>;
  close(): Promise<void>;
}

interface Message {
  readonly topic: string;
  readonly data: string;
  readonly attributes: Readonly<Record<string, string>>;
}

const JSON_BODY = { 'content-type': 'application/json' };

/** Everything around a function, on the emulators; the clients of this process find them by its environment. */
export async function startFirstRequests(emulators: Emulators, dataDir: string): Promise<FirstRequests> {
  await using release = new AsyncDisposableStack();
  // A project of its own: whoever else uses these emulators keeps what is theirs.
  const flags = { runtime: 'emulators', project: 'heliograph-cold-start', dataDir, logLevel: 'error' };
  const given = readSettings({}, flags);
  const issuer = release.adopt(await startIssuer({ ...given, folder: dataDir }), (it) => it.close());
  const receiver = createServer((_request, response) => response.writeHead(204).end());
  const receiverUrl = `http://${LOOPBACK}:${await listenLoopback(receiver, 0)}/called-back`;
  let dispatch: Room | undefined;
  const front = createServer((request, response) => {
    dispatch ??= rooms.dispatch?.(runtimes('dispatch'));
    dispatch?.(request, response);
  });
  release.defer(() => Promise.all([closeServer(receiver), closeServer(front)]).then(() => {}));
  const dispatchUrl = `http://${LOOPBACK}:${await listenLoopback(front, 0)}`;
  const settings: Settings = localSettings(given, { dispatch: dispatchUrl }, issuer);

  const source = pubsubSubscriptions({ projectId: settings.project, topology, clock: systemClock(), onError: () => {} });
  await source.createTopology();
  await source.close();
  const parts = await remoteParts(settings);
  release.defer(() => Promise.all([parts.messages.close(), parts.documents.close(), parts.control.close()]).then(() => {}));
  const key = await localKey(dataDir, parts.control);

  const published: Message[] = [];
  const capturing = {
    publish: async (topic: string, message: Omit<Message, 'topic'>) => String(published.push({ topic, ...message })),
    close: async () => {},
  };
  function runtimes(name: string, times: Partial<Settings['times']> = {}): Runtime {
    const identity = { idToken: (audience: string) => issuer.token({ email: accountEmail(settings, name), audience }) };
    const own = { ...settings, times: { ...settings.times, ...times } };
    return runtimeOf(name, own, { ...parts, messages: capturing }, identity);
  }

  /** What a function publishes when it is asked. */
  async function madeBy(name: string, request: FirstRequest, times?: Partial<Settings['times']>): Promise<Message> {
    published.length = 0;
    await answeredBy((rooms[name] as (typeof rooms)[string])(runtimes(name, times)), request);
    return published[0] as Message;
  }

  const dispatched = (packet: object): FirstRequest => ({
    method: 'POST',
    path: '/dispatch',
    headers: { ...JSON_BODY, 'x-api-key': key },
    body: JSON.stringify({ mode: 'pubsub', payload: { text: 'measured' }, ttlSeconds: 600, ...packet }),
    status: 202,
  });
  async function called(name: string, path: string, status: number, body = ''): Promise<FirstRequest> {
    const audience = pushAudience(settings, name, path);
    const bearer = await issuer.token({ email: pushAccountEmail(settings), audience });
    return { method: 'POST', path, headers: pushHeaders(bearer), body, status };
  }
  async function pushed(subscription: string, { data, attributes }: Message): Promise<FirstRequest> {
    const row = topology.subscriptions[subscription] as (typeof topology.subscriptions)[string];
    const write = envelopeWriter({
      subscription: `projects/${settings.project}/subscriptions/${subscription}`,
      countsAttempts: row.deadLetter !== undefined,
    });
    const message = { messageId: '1', data: Buffer.from(data), attributes, publishTime: Date.now(), deliveryAttempt: 1 };
    return called(row.function, row.path, 204, write({ ...message, ack() {}, nack() {} }));
  }

  const light = { agent: 'light' };
  const ran = async (packet: object) =>
    madeBy('agent-light', await pushed('sub-light', await madeBy('dispatch', dispatched(packet))));
  const makers: Readonly<Record<string, () => Promise<FirstRequest>>> = {
    dispatch: async () => dispatched(light),
    'agent-light': async () => pushed('sub-light', await madeBy('dispatch', dispatched(light))),
    codex: async () => pushed('sub-codex', await madeBy('dispatch', dispatched({ agent: 'codex' }))),
    results: async () => pushed('sub-results', await ran(light)),
    callbacks: async () =>
      pushed(
        'sub-callbacks',
        await madeBy('results', await pushed('sub-results', await ran({ ...light, callbackUrl: receiverUrl }))),
      ),
    'dead-letters': async () => pushed('sub-dead-tasks', await madeBy('dispatch', dispatched(light))),
    sweeper: async () => {
      // One task that is due for being published again.
      await madeBy('dispatch', dispatched(light), { republishMs: 1 });
      return called('sweeper', '/sweep', 200);
    },
  };

  /** Dispatch's answers to codex, as they will be. */
  function answer(url: string): { status: number; body: Buffer } {
    if (!url.endsWith('/claim')) return { status: 200, body: Buffer.from('{}') };
    const { taskId, core, payload, version } = JSON.parse((published[0] as Message).data) as RunMessage;
    const task = { ...core, status: 'running' as const, epoch: core.epoch + 1 };
    const attempt = attemptOf(parts.signing, { id: taskId, version, task }, { payload: payload ?? {} }, core.budgetMicros);
    return { status: 200, body: Buffer.from(JSON.stringify({ kind: 'claimed', attempt })) };
  }

  const kept = release.move();
  return {
    names: Object.keys(makers),
    async environment(name) {
      return {
        ...toEnvironment(settings),
        PUBSUB_EMULATOR_HOST: emulators.pubsubHost,
        FIRESTORE_EMULATOR_HOST: emulators.firestoreHost,
        GCE_METADATA_HOST: (await issuer.metadata(accountEmail(settings, name))).host,
        METADATA_SERVER_DETECTION: 'assume-present',
      };
    },
    async next(name) {
      const make = makers[name];
      const room = rooms[name];
      if (make === undefined || room === undefined) throw new TypeError(`${name} has no first request here.`);
      await emptyStores(emulators.firestoreHost, settings.project);
      const request = await make();
      return { request, calls: await recordedCalls(room, runtimes(name), request, answer) };
    },
    close: () => kept.disposeAsync(),
  };
}
