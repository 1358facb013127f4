/**
 * The ports: everything that the rules need from the world outside, as small interfaces over plain objects.
 *
 * Time, chance and the network are reached through these alone; that is what makes the simulation deterministic. One contract
 * suite in `test/contract/` runs against every adapter of a port.
 */

import type { AgentSubscriptionRow } from '../topology.ts';

/** A document's fields: JSON values, plus `SERVER_TIME` in what is written. Times are milliseconds since the epoch. */
export type Fields = Record<string, unknown>;

/** In a write: replaced by the store's own time (milliseconds) at commit. Only at the top level of a document. */
export const SERVER_TIME: unique symbol = Symbol('SERVER_TIME');

/** A document as read. `version` is opaque and changes with every write. */
export interface Stored {
  readonly id: string;
  readonly data: Fields;
  readonly version: string;
}

/** The outcome of one write: the new version, and the store's time (milliseconds since the epoch) of the commit. */
export interface Written {
  readonly version: string;
  readonly at: number;
}

/**
 * One write of a commit. `create` requires absence; `update` (named top-level fields) and `replace` (all of it) require the
 * given version; `delete` requires it where one is given. `append` adds to the end of an array field, without reading it.
 */
export type Write =
  | { readonly kind: 'create'; readonly collection: string; readonly id: string; readonly data: Fields }
  | {
      readonly kind: 'update';
      readonly collection: string;
      readonly id: string;
      readonly version: string;
      readonly set?: Fields;
      readonly remove?: readonly string[];
      readonly append?: Readonly<Record<string, readonly unknown[]>>;
    }
  | { readonly kind: 'replace'; readonly collection: string; readonly id: string; readonly version: string; readonly data: Fields }
  | { readonly kind: 'delete'; readonly collection: string; readonly id: string; readonly version?: string };

/**
 * Documents equal in every field of `equal`, ordered by `orderBy` and, within equal values, by id in the same direction.
 * Documents without the ordered field are left out. `atMost` bounds the ordered field (inclusive). `after` continues behind
 * that place. `fields` are all that is wanted of each (default: everything), where documents may be large; what is null in one of
 * them may be left out. Served by one index of the topology.
 */
export interface Query {
  readonly equal: Readonly<Record<string, string | number | boolean>>;
  readonly orderBy: { readonly field: string; readonly direction: 'asc' | 'desc' };
  readonly atMost?: number;
  readonly after?: { readonly value: number; readonly id: string };
  readonly fields?: readonly string[];
  readonly limit: number;
}

/** The document store. */
export interface Documents {
  /** `at` is the store's time of the read. */
  get(collection: string, id: string): Promise<(Stored & { readonly at: number }) | undefined>;
  /** All writes or none. Throws `PreconditionFailed` when one of them did not find what it requires. */
  commit(writes: readonly Write[]): Promise<Written[]>;
  query(collection: string, query: Query): Promise<{ readonly documents: Stored[]; readonly at: number }>;
  /** Calls back with the document now and after each change (changes in quick succession may be merged); returns the stop. */
  watch(
    collection: string,
    id: string,
    onChange: (document: Stored | undefined) => void,
    onError: (error: Error) => void,
  ): () => void;
  close(): Promise<void>;
}

/** A write of a commit found another version, or a document where none was to be (or none where one was). Nothing was written. */
export class PreconditionFailed extends Error {
  readonly code = 'precondition_failed';
}

/** Publishes at least once: the promise resolves when the message is durable, with its id. */
export interface Messages {
  publish(
    topic: string,
    message: { readonly data: string; readonly attributes: Readonly<Record<string, string>> },
  ): Promise<string>;
  close(): Promise<void>;
}

/** Object storage, by bucket of the topology. Names are `/`-separated, without empty, `.` or `..` parts. */
export interface Objects {
  /** Writes the whole object. With `ifAbsent`, an existing one is left as it is and false comes back. */
  put(bucket: string, name: string, bytes: Buffer, options?: { readonly ifAbsent?: boolean }): Promise<boolean>;
  /** Throws `Problem` 413 `object_too_large` for one of more than `maxBytes`, without holding all of it. */
  get(bucket: string, name: string, options?: { readonly maxBytes?: number }): Promise<Buffer | undefined>;
  /** With a `version` (of a list), only if nobody has written it since. */
  delete(bucket: string, name: string, options?: { readonly version?: string }): Promise<void>;
  /**
   * A page (at most `limit`, default 1000) of the objects whose names begin with `prefix`, in the order of their names' bytes. `next`
   * is the `cursor` of the page that follows, if any does. Also what has just been written is there, and nothing that has been deleted.
   */
  list(
    bucket: string,
    prefix: string,
    options?: { readonly cursor?: string; readonly limit?: number },
  ): Promise<{ readonly objects: readonly ListedObject[]; readonly next?: string }>;
}

export interface ListedObject {
  readonly name: string;
  readonly bytes: number;
  /** The store's time of its last writing, milliseconds since the epoch. */
  readonly writtenAt: number;
  /** Changes with every writing. */
  readonly version: string;
}

/** Named secrets. */
export interface Secrets {
  read(name: string): Promise<string | undefined>;
  /** With `ifAbsent`, a secret that is there already stays as it is: of several writers one wins. */
  write(name: string, value: string, options?: { readonly ifAbsent?: boolean }): Promise<void>;
}

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Resolves after `ms`, or rejects with the signal's reason once it aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls `run` once after `ms`; the result cancels it. Never keeps the process alive. */
  after(ms: number, run: () => void): () => void;
}

/** Chance. */
export interface Ids {
  /** `bytes` random bytes, as lower-case hexadecimal. */
  random(bytes: number): string;
  /** A whole number from 0 up to, not including, `below`. */
  below(below: number): number;
}

/**
 * How far an address is trusted: `operator` ones come from the configuration; `user` ones must be public, or on loopback where that is
 * allowed; `public` ones are public even then.
 */
export type Trust = 'public' | 'user' | 'operator';

export interface EgressRequest {
  readonly url: string;
  readonly trust: Trust;
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly timeoutMs: number;
  /** A longer reply is an error. */
  readonly maxBytes: number;
  readonly signal?: AbortSignal;
}

export interface EgressReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** The only way out of the functions. Never follows redirects. Throws `Problem` `egress_denied`, `egress_failed`, `egress_too_large`. */
export interface Egress {
  /** Refuses an address without connecting to it (`egress_denied`, with the reason). */
  check(url: string, trust: Trust): Promise<void>;
  request(request: EgressRequest): Promise<EgressReply>;
  close(): Promise<void>;
}

/** A tool as its MCP server describes it: what stands here is the server's own. */
export interface McpTool {
  readonly name: string;
  readonly description?: string;
  /** JSON Schema of an object. */
  readonly inputSchema: Readonly<Record<string, unknown>>;
}

/** What a tool gave. `structured` is there where the tool says what it looks like, `content` are blocks of text and the like. */
export interface McpAnswer {
  readonly isError: boolean;
  readonly content: readonly Readonly<Record<string, unknown>>[];
  readonly structured?: unknown;
}

export interface McpCall {
  readonly tool: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  /** The same over all attempts; handed on as `_meta["heliograph/idempotency-key"]`. */
  readonly effectId: string;
  readonly timeoutMs: number;
  /** Once it aborts, the server is told that nobody waits any more, and the session is closed. */
  readonly signal: AbortSignal;
  onProgress(progress: { readonly progress: number; readonly total?: number; readonly message?: string }): void;
}

/** A session with an MCP server, lent to one at a time. */
export interface McpSession {
  /** At most `times.mcpToolsMs` old, or as old as the server's last word that they have changed. Throws `Problem` 502, 504. */
  tools(): Promise<readonly McpTool[]>;
  /** Throws `Problem` 422 `mcp_refused` for what the server answered with an error, 502 `mcp_disconnected`, 504 `mcp_timeout`. */
  call(call: McpCall): Promise<McpAnswer>;
}

/** The MCP servers of the settings. */
export interface McpServers {
  /**
   * Lends a session to `work`: one that is kept, or a new one, for which it waits until the signal aborts. Throws `Problem` 404
   * `mcp_server_not_found`, 502 `mcp_unreachable`, the signal's reason, and what `work` throws.
   */
  use<T>(server: string, signal: AbortSignal, work: (session: McpSession) => Promise<T>): Promise<T>;
  /** Ends all sessions, with the processes behind them. */
  close(): Promise<void>;
}

/** One command on a host of the settings. */
export interface SshRequest {
  /** A name or an address. */
  readonly address: string;
  readonly port: number;
  readonly user: string;
  /** `ssh-ed25519 AAAA…`: the one key that the host may show. */
  readonly hostKey: string;
  readonly privateKey: string;
  /** The command and its arguments; no shell acts upon them. */
  readonly words: readonly string[];
  /** For all of it, the connection included. */
  readonly timeoutMs: number;
  /** Of each of the two outputs; more is thrown away. */
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

export interface SshReply {
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  readonly isTruncated: { readonly stdout: boolean; readonly stderr: boolean };
  /** Null where a signal has ended the command, or it was stopped for its output. */
  readonly exitCode: number | null;
}

/** Remote commands. */
export interface Ssh {
  /**
   * Connects, runs the command without a terminal and without input, and closes the connection. Throws `Problem` 422 `egress_denied`,
   * `ssh_key_invalid`, 502 `host_unreachable`, `host_key_changed`, `login_refused`, `command_not_started`, `connection_lost`, 408
   * `timeout`, or the reason of the signal. Only after the last three may the command have done something; it is killed.
   */
  run(request: SshRequest): Promise<SshReply>;
}

/** The function's own identity: mints Google-signed ID tokens for an audience. */
export interface Identity {
  idToken(audience: string): Promise<string>;
}

export interface Log {
  debug(fields: Fields, message: string): void;
  info(fields: Fields, message: string): void;
  warn(fields: Fields, message: string): void;
  error(fields: Fields, message: string): void;
}

/** A message as delivered to one subscription. Exactly one of `ack` and `nack` is to be called, once. */
export interface Delivery {
  readonly messageId: string;
  readonly data: Buffer;
  readonly attributes: Readonly<Record<string, string>>;
  /** Milliseconds since the epoch. */
  readonly publishTime: number;
  /** Counts from 1. */
  readonly deliveryAttempt: number;
  ack(): void;
  /** Delivered again after the subscription's backoff, or sent to its dead-letter topic after the last attempt. */
  nack(): void;
}

/** The pulling side of a message broker: what `emulator-bridge/` turns into HTTP push. Filters, backoff and dead letters are honoured. */
export interface Subscriptions {
  /** At most `maxOutstanding` deliveries are unanswered at any time. The result stops the pull; unanswered ones come again later. */
  pull(subscription: string, maxOutstanding: number, onDelivery: (delivery: Delivery) => void): () => Promise<void>;
}

/** The push subscriptions of registered agents, which are made at run time. */
export interface SubscriptionAdmin {
  /**
   * Makes one, or has the one of that name push where the row says from now on; its filter and pace stay. Throws `Problem` 503
   * `messages_unavailable`, 422 `subscription_refused`.
   */
  ensure(name: string, row: AgentSubscriptionRow): Promise<void>;
  /** Removes one, with what waits in it; where there is none it does nothing. Throws `Problem` 503 `messages_unavailable`. */
  remove(name: string): Promise<void>;
}

/** The bridge's side of the same. What was made can be pulled by its name as soon as a watcher was told of it. */
export interface MadeSubscriptions {
  /** Calls back with all of them, by name: now, and soon after each change; the result ends it. */
  watch(onChange: (made: Readonly<Record<string, AgentSubscriptionRow>>) => void): () => void;
}

/**
 * One entry of a project's tree. `path` is relative and `/`-separated; bytes of a name that are not UTF-8 stand in it as
 * `path-text.ts` says. `mode` holds the permission bits. `special` is a device, a pipe or a socket, of which nothing is read.
 */
export type TreeEntry =
  | { readonly kind: 'folder'; readonly path: string; readonly mode: number }
  | FileEntry
  /** Never followed. `target` is kept literally. */
  | { readonly kind: 'link'; readonly path: string; readonly target: string }
  | { readonly kind: 'special'; readonly path: string };

/**
 * `stamp` changes whenever the content does, and is comparable between two listings. That holds once it is `settled`: a second
 * change within the tick of the file system's clock leaves no trace.
 */
export interface FileEntry {
  readonly kind: 'file';
  readonly path: string;
  readonly mode: number;
  /** Bytes. */
  readonly size: number;
  readonly stamp: string;
  readonly settled: boolean;
}

/** A project: a folder's tree. `walk.ts` goes through all of it. Throws `Problem` `project_unreadable` that names the path. */
export interface ProjectTree {
  /** Its own path, links resolved: two ways to one project give the same. */
  readonly projectPath: string;
  /** The entries of one folder (`''` is the project), ordered by name; none where there is no such folder (any more). */
  list(folder: string): Promise<TreeEntry[]>;
  /**
   * A file's content in pieces of `pieceBytes` (default 1 MiB), the last one shorter. Throws `FileChanged` when it is not, or no
   * longer at its end, what the entry says.
   */
  read(file: FileEntry, options?: { readonly pieceBytes?: number }): AsyncIterable<Buffer>;
}

/** An entry of a folder of this machine. `name` as `path-text.ts` says; times in milliseconds since the epoch; `size` in bytes. */
export interface HostEntry {
  readonly name: string;
  readonly kind: 'file' | 'folder' | 'link' | 'special';
  /** Of files. */
  readonly size?: number;
  readonly modifiedAt: number;
}

/**
 * The files of this machine that tools may look at, by absolute path; nothing is ever written. The paths that come back have no links
 * in them. Throws `Problem` `no_roots`, `path_invalid`, `outside_roots`, `not_found`, `not_a_file`, `not_a_folder`, `unreadable`.
 */
export interface HostFiles {
  /** The first `limit` entries of a folder, ordered by name, and how many there are. */
  list(
    path: string,
    limit: number,
  ): Promise<{ readonly path: string; readonly entries: readonly HostEntry[]; readonly total: number }>;
  /** A file's first bytes, at most `maxBytes`; `size` is what the file system says of all of it. */
  read(path: string, maxBytes: number): Promise<{ readonly path: string; readonly size: number; readonly bytes: Buffer }>;
}

/** A file was changed, replaced or removed after it was listed. List it again. */
export class FileChanged extends Error {
  readonly code = 'file_changed';
}

/** The projects of this installation. */
export interface ProjectTrees {
  /**
   * A project's own path, links resolved: two ways to one project give the same. Throws what `open` throws; whether a place in a
   * bucket is there shows only when it is opened.
   */
  resolve(projectPath: string): Promise<string>;
  /**
   * Throws `Problem` `project_path_invalid`, `project_not_found`, `outside_roots`, which also stands for what nobody may know of, or
   * 409 `project_busy`. A place in a bucket goes with its last object; with `mayBeGone` that is an empty project.
   */
  open(projectPath: string, options?: { readonly mayBeGone?: boolean }): Promise<ProjectTree>;
  /**
   * Begins to build another tree for a project, in the place of which it then goes. Whatever the patterns (of `ignore-rules.ts`)
   * ignore, and all that is special, stays. Throws `Problem` 409 `project_busy` while another is being built.
   */
  replace(tree: ProjectTree, patterns: readonly string[]): Promise<TreeReplacement>;
  /**
   * After a crash: completes what was committed, and undoes the rest. Says of each project what it was; `problem` where somebody has
   * to look for himself, and then it is found again the next time.
   */
  recover(): Promise<{ readonly projectPath: string; readonly outcome: 'completed' | 'undone'; readonly problem?: Error }[]>;
}

/** A tree that is being built. Parents come before what is in them; nothing of it is in the project before `commit`. */
export interface TreeReplacement {
  folder(path: string, mode: number): Promise<void>;
  /**
   * Whether the project has a file of this `stamp` there. If so, the new tree has it too, with this mode, and nobody has to write it;
   * one that changes before the commit is `Problem` 409 `project_changed` then.
   */
  keep(path: string, mode: number, stamp: string): Promise<boolean>;
  file(path: string, mode: number, content: AsyncIterable<Buffer>): Promise<void>;
  link(path: string, target: string): Promise<void>;
  /**
   * Puts the new tree in place of the old one, at once for whoever looks. Throws `Problem` 409 `ignored_in_the_way`, with nothing
   * changed, where something ignored lies in a folder that is to become a file.
   */
  commit(): Promise<void>;
  /** Always the last call: removes what was not committed, and lets the next one begin. */
  close(): Promise<void>;
}
