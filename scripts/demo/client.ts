/** Real HTTP to the server under the demo, as any client would speak it. */

export type JsonObject = Record<string, unknown>;

/** What the server answered to one request. */
export interface Answer {
  readonly status: number;
  /** Whether it said `Idempotent-Replayed: true`. */
  readonly replayed: boolean;
  readonly body: JsonObject;
}

/** The parts of a task view that the demo judges by. */
export interface TaskView {
  readonly id: string;
  readonly status: string;
  readonly attempts: number;
  readonly costCents: number;
  readonly payload?: unknown;
  readonly result?: unknown;
  readonly error?: { readonly code: string; readonly message: string };
  readonly createdAt: string;
  readonly finishedAt?: string;
  readonly timeline: readonly { readonly event: string }[];
}

export interface Client {
  post(path: string, body: JsonObject): Promise<Answer>;
  get(path: string): Promise<Answer>;
  /** One task. Throws when the server does not show it. */
  task(id: string): Promise<TaskView>;
  /** All tasks of a trace. */
  trace(traceId: string): Promise<readonly TaskView[]>;
}

export function httpClient(url: string, key: string | undefined): Client {
  const authorization = key ? { 'x-api-key': key } : undefined;

  async function send(method: string, path: string, body?: JsonObject): Promise<Answer> {
    const reply = await fetch(url + path, {
      method,
      headers: { ...authorization, ...(body ? { 'content-type': 'application/json' } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const replayed = reply.headers.get('idempotent-replayed') === 'true';
    return { status: reply.status, replayed, body: (await reply.json()) as JsonObject };
  }

  async function read<T>(path: string): Promise<T> {
    const { status, body } = await send('GET', path);
    if (status !== 200) throw new Error(`GET ${path} was answered with ${status} ${String(body.code)}: ${String(body.detail)}`);
    return body as T;
  }

  return {
    post: (path, body) => send('POST', path, body),
    get: (path) => send('GET', path),
    task: (id) => read<TaskView>(`/task/${id}`),
    async trace(traceId) {
      const found: TaskView[] = [];
      let cursor: string | undefined;
      do {
        const page = await read<{ tasks: TaskView[]; nextCursor?: string }>(
          `/tasks?traceId=${traceId}&limit=200${cursor === undefined ? '' : `&cursor=${cursor}`}`,
        );
        found.push(...page.tasks);
        cursor = page.nextCursor;
      } while (cursor !== undefined);
      return found;
    },
  };
}
