/** Runs a function's room in this process to see which client calls it makes: what only reads is done, the rest is written down. */

import { type InProcessReply, type InProcessRequest, requestInProcess } from '../../emulator-bridge/in-process-request.ts';
import type { Documents, Egress, EgressReply, Fields, Identity, Messages, Write } from '../../functions/core/ports.ts';
import type { Room, Runtime } from '../../functions/core/runtime.ts';
import type { Call, Steps } from './cold-start-calls.ts';

/** What a call to an address is answered with, which is not made either. */
export type Answers = (url: string) => Omit<EgressReply, 'headers'>;

/** The calls of one request, without anything having been written, published or posted. Throws unless it is answered with `status`. */
export async function recordedCalls(
  make: (runtime: Runtime) => Room,
  runtime: Runtime,
  request: InProcessRequest & { readonly status: number },
  answers: Answers,
): Promise<Steps> {
  const steps: Call[][] = [];
  let open = 0;
  /** A call that begins while another is under way belongs to its step. */
  async function during<T>(call: Call, made: () => Promise<T>): Promise<T> {
    if (open === 0) steps.push([]);
    steps.at(-1)?.push(call);
    open += 1;
    try {
      return await made();
    } finally {
      open -= 1;
    }
  }

  const documents = (database: string, port: Documents): Documents => ({
    ...port,
    get: (collection, id) => during({ kind: 'get', database, collection, id }, () => port.get(collection, id)),
    query: (collection, query) => during({ kind: 'query', database, collection, query }, () => port.query(collection, query)),
    commit: (writes) =>
      during({ kind: 'commit', database, writes: writes.map(plain) }, async () => {
        await nextTurn();
        return writes.map(() => ({ version: '1.0', at: runtime.clock.now() }));
      }),
  });
  const messages: Messages = {
    ...runtime.messages,
    publish: (topic, { data, attributes }) => during({ kind: 'publish', topic, data, attributes }, nextTurn).then(() => '1'),
  };
  const egress: Egress = {
    ...runtime.egress,
    request: ({ url, headers = {}, body = '' }) =>
      during({ kind: 'post', url, headers, body }, nextTurn).then(() => ({ ...answers(url), headers: {} })),
  };
  // One token per audience: the identity keeps them.
  const tokens = new Map<string, Promise<string>>();
  const identity: Identity = {
    idToken(audience) {
      const token = tokens.get(audience) ?? during({ kind: 'token', audience }, () => runtime.identity.idToken(audience));
      tokens.set(audience, token);
      return token;
    },
  };
  const room = make({
    ...runtime,
    documents: documents('tasks', runtime.documents),
    control: documents('control', runtime.control),
    messages,
    egress,
    identity,
  });
  await answeredBy(room, request);
  return steps;
}

/** Throws unless the room answers with `status`. */
export async function answeredBy(room: Room, request: InProcessRequest & { readonly status: number }): Promise<InProcessReply> {
  const reply = await new Promise<InProcessReply | undefined>((resolve) => requestInProcess(room, request, resolve));
  if (reply?.status === request.status) return reply;
  throw new Error(`${request.method} ${request.path} was answered ${reply?.status}: ${reply?.body}`);
}

/** As long as a call to elsewhere at the least: what is called at once is then seen to be. */
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** With everything that the store would be sent, as JSON can carry it. */
function plain(write: Write): Write {
  if (write.kind === 'create' || write.kind === 'replace') return { ...write, data: scalars(write.data) };
  return write.kind === 'update' ? { ...write, set: scalars({ ...write.set, ...write.append }), append: {}, remove: [] } : write;
}

function scalars(fields: Fields): Fields {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined && typeof value !== 'symbol');
  return Object.fromEntries(
    entries.map(([name, value]) => [name, typeof value === 'object' && value !== null ? JSON.stringify(value) : value]),
  );
}
