/**
 * Secret Manager's REST API, as far as the functions use it, with Google's own refusals. Unlike Google's it lets anybody in unless
 * told otherwise, and knows no pages, regions or deletion.
 *
 * Source: Secret Manager, "REST reference", v1.
 */

import { createServer, type IncomingMessage } from 'node:http';
import { closeServer, listenLoopback } from '../../emulator-bridge/loopback.ts';

type State = 'ENABLED' | 'DISABLED' | 'DESTROYED';

interface Secret {
  etag: number;
  annotations: Record<string, string>;
  readonly replication: unknown;
  readonly versions: { state: State; readonly data: string }[];
}

export interface SecretServer {
  /** `host:port`. */
  readonly host: string;
  /** What came, as `GET path`, in order. */
  readonly calls: string[];
  /** By name, without the project. */
  readonly secrets: Map<string, Secret>;
  /** Answers a call otherwise: with an error of this HTTP status, before or after doing as it says; 0 breaks the connection off. */
  disturb: (call: string) => { readonly status: number; readonly reason?: string; readonly done?: boolean } | undefined;
  /** Puts a version there, as an operator would. */
  add(name: string, value: string): void;
  close(): Promise<void>;
}

class Refusal extends Error {
  readonly code: number;
  readonly status: string;
  constructor(code: number, status: string, message: string) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

/** Of one version's data. Source: Secret Manager, "Quotas and limits". */
const PAYLOAD_BYTES = 65_536;

export async function secretServer(): Promise<SecretServer> {
  const secrets = new Map<string, Secret>();
  const server = createServer(async (request, response) => {
    const body = await bodyOf(request);
    const url = new URL(request.url ?? '/', 'http://localhost');
    const call = `${request.method} ${url.pathname}`;
    self.calls.push(call);
    const disturbed = self.disturb(call);
    let status = 200;
    let answer: unknown;
    try {
      if (disturbed === undefined || disturbed.done) answer = answerTo(secrets, call, url.searchParams, body);
      if (disturbed !== undefined) throw new Refusal(disturbed.status, disturbed.reason ?? 'UNAVAILABLE', 'Disturbed.');
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      status = error.code;
      answer = { error: { code: error.code, message: error.message, status: error.status } };
    }
    if (status === 0) request.socket.destroy();
    else response.writeHead(status, { 'content-type': 'application/json; charset=UTF-8' }).end(JSON.stringify(answer));
  });
  const self: SecretServer = {
    host: `127.0.0.1:${await listenLoopback(server, 0)}`,
    calls: [],
    secrets,
    disturb: () => undefined,
    add(name, value) {
      const secret = secrets.get(name) ?? { etag: 1, annotations: {}, replication: {}, versions: [] };
      secret.versions.push({ state: 'ENABLED', data: Buffer.from(value).toString('base64') });
      secrets.set(name, secret);
    },
    close: () => closeServer(server),
  };
  return self;
}

function answerTo(secrets: Map<string, Secret>, call: string, query: URLSearchParams, body: Body): unknown {
  const [, method, project, name = '', version, action] =
    /^(\w+) \/v1\/(projects\/[a-z0-9-]+)\/secrets(?:\/([\w-]+))?(?:\/versions\/(\w+))?(?::(\w+))?$/.exec(call) ?? [];
  const found = secrets.get(name);
  const missing = () => new Refusal(404, 'NOT_FOUND', `Secret [${project}/secrets/${name}] not found or has no versions.`);
  switch (`${method} ${version === undefined ? '' : 'version'} ${action ?? ''}`.trim()) {
    case 'GET version access': {
      const number = version === 'latest' ? (found?.versions.length ?? 0) : Number(version);
      const one = found?.versions[number - 1];
      if (one === undefined) throw missing();
      const path = `${project}/secrets/${name}/versions/${number}`;
      if (one.state !== 'ENABLED') throw failed(`Secret Version [${path}] is in ${one.state} state.`);
      return { name: path, payload: { data: one.data } };
    }
    case 'POST  addVersion': {
      if (found === undefined) throw missing();
      const data = String(body.payload?.data ?? '');
      if (Buffer.from(data, 'base64').length > PAYLOAD_BYTES)
        throw new Refusal(400, 'INVALID_ARGUMENT', 'The payload is too large.');
      found.versions.push({ state: 'ENABLED', data });
      return { name: `${project}/secrets/${name}/versions/${found.versions.length}`, state: 'ENABLED' };
    }
    case 'GET':
      if (found === undefined) throw missing();
      return shown(found);
    case 'POST': {
      const id = query.get('secretId') ?? '';
      if (secrets.has(id)) throw new Refusal(409, 'ALREADY_EXISTS', `Secret [${project}/secrets/${id}] already exists.`);
      if (!body.replication) throw new Refusal(400, 'INVALID_ARGUMENT', 'Replication must be set.');
      const made: Secret = { etag: 1, annotations: {}, replication: body.replication, versions: [] };
      secrets.set(id, made);
      return shown(made);
    }
    case 'PATCH': {
      if (found === undefined) throw missing();
      if (body.etag !== undefined && body.etag !== `"${found.etag}"`) throw failed('etag does not match.');
      if (query.get('updateMask') === 'annotations') found.annotations = body.annotations ?? {};
      found.etag += 1;
      return shown(found);
    }
    default:
      throw new Refusal(404, 'NOT_FOUND', `There is no ${call}.`);
  }
}

interface Body {
  readonly payload?: { readonly data?: string };
  readonly etag?: string;
  readonly annotations?: Record<string, string>;
  readonly replication?: unknown;
}

const failed = (message: string) => new Refusal(400, 'FAILED_PRECONDITION', message);

const shown = ({ etag, annotations, replication }: Secret) => ({ etag: `"${etag}"`, annotations, replication });

async function bodyOf(request: IncomingMessage): Promise<Body> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  return text === '' ? {} : (JSON.parse(text) as Body);
}
