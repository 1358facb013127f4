/**
 * What is used of the peers' packages: they are installed on demand, so their own types are not there when the project's are
 * checked.
 */

declare module '@restatedev/restate-sdk' {
  type Listener = (request: import('node:http2').Http2ServerRequest, response: import('node:http2').Http2ServerResponse) => void;
  export function service(definition: {
    readonly name: string;
    readonly handlers: Readonly<Record<string, (context: unknown, input: unknown) => Promise<unknown>>>;
  }): object;
  export function createEndpointHandler(options: { readonly services: readonly object[] }): Listener;
}

declare module 'bullmq' {
  interface Connected {
    readonly connection: { readonly host: string; readonly port: number; readonly maxRetriesPerRequest: null };
  }
  interface Member {
    waitUntilReady(): Promise<unknown>;
    close(): Promise<void>;
    on(event: 'error', listener: (error: Error) => void): this;
    setMaxListeners(count: number): this;
  }
  export interface Job {
    readonly data: unknown;
    waitUntilFinished(events: QueueEvents, ttlMs: number): Promise<unknown>;
  }
  export interface Worker extends Member {}
  export const Worker: new (
    queue: string,
    work: (job: Job) => Promise<unknown>,
    options: Connected & { readonly concurrency: number },
  ) => Worker;
  export interface Queue extends Member {
    add(name: string, data: unknown): Promise<Job>;
  }
  export const Queue: new (name: string, options: Connected) => Queue;
  export interface QueueEvents extends Member {}
  export const QueueEvents: new (queue: string, options: Connected & { readonly lastEventId: string }) => QueueEvents;
}

declare module 'pg-boss' {
  interface Found {
    readonly id: string;
    readonly data: unknown;
    readonly state: string;
    readonly output: unknown;
  }
  interface Outcome {
    readonly id: string;
    readonly status: 'completed' | 'failed';
    readonly output: unknown;
  }
  export interface PgBoss {
    start(): Promise<unknown>;
    stop(options: { readonly graceful: boolean }): Promise<void>;
    on(event: 'error', listener: (error: Error) => void): this;
    createQueue(name: string, options: { readonly notify: boolean }): Promise<void>;
    send(queue: string, data: object): Promise<string | null>;
    findJobs(queue: string, options: { readonly id: string }): Promise<readonly Found[]>;
    work(
      queue: string,
      options: Readonly<Record<string, number | boolean>>,
      handler: (jobs: readonly Found[]) => Promise<readonly Outcome[]>,
    ): Promise<string>;
  }
  export const PgBoss: new (options: Readonly<Record<string, string | number | boolean | undefined>>) => PgBoss;
}
