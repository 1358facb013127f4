/** The gateway of the source as its users meet it: an agent of theirs, folders of theirs, and the words of its API. */

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { temporaryFolder } from '../support/folder.ts';
import { httpListener, type Listener, type Received } from '../support/http-listener.ts';
import type { Reply, TestStack, View } from '../support/stack.ts';

/** What the tests of a row are given; the stack is there once they run. */
export interface Fog {
  readonly stack: TestStack;
  readonly agent: FogAgent;
  /** The folder that may hold projects. */
  readonly root: string;
  /** Submits a task of the agent `worker`, an analysis unless it says otherwise; it has to be taken. Gives its `task_id`. */
  submit(part?: object): Promise<string>;
  /** `GET /task-status/{id}`, which has to be there. */
  status(name: string): Promise<View>;
  ended(name: string): Promise<View>;
  /** A project of its own with these files. */
  project(files?: Readonly<Record<string, string>>): string;
}

/** A plain endpoint that does what the payload says: `gate`, `fail`, `write` (files of `project_path`); else it answers with the payload. */
export interface FogAgent {
  readonly url: string;
  /** The payloads that came, in order. */
  readonly payloads: Payload[];
  /** What came beside each payload of what the task is. */
  readonly works: unknown[];
  /** A payload whose run waits, and what lets it go. */
  gate(): { readonly payload: { readonly gate: number }; open(): void };
  close(): Promise<void>;
}

export interface Payload {
  readonly [field: string]: unknown;
  readonly gate?: number;
  readonly fail?: boolean;
  readonly project_path?: string;
  readonly write?: Readonly<Record<string, string>>;
}

export const BACKUP_ID = /^backup_\d{8}_\d{6}_[0-9a-z]+$/;

/** The settings of a stack whose root is a folder of its own. */
export function fogFolder() {
  const folder = temporaryFolder();
  return { root: realpathSync(folder.path), remove: () => folder.remove() };
}

export async function fogAgent(): Promise<FogAgent> {
  const payloads: Payload[] = [];
  const works: unknown[] = [];
  const gates: PromiseWithResolvers<void>[] = [];
  const listener: Listener = await httpListener(async (request: Received) => {
    const { payload, work } = JSON.parse(request.body) as { payload: Payload; work?: unknown };
    payloads.push(payload);
    works.push(work);
    if (payload.gate !== undefined) await gates[payload.gate]?.promise;
    if (payload.fail) return { status: 503, headers: { 'retry-after': '0.05' } };
    for (const [name, text] of Object.entries(payload.write ?? {})) writeFileSync(join(String(payload.project_path), name), text);
    return { status: 200, body: payload };
  });
  return {
    url: `${listener.url}/run`,
    payloads,
    works,
    gate() {
      const gate = Promise.withResolvers<void>();
      gates.push(gate);
      return { payload: { gate: gates.length - 1 }, open: gate.resolve };
    },
    async close() {
      for (const { resolve } of gates) resolve();
      await listener.close();
    },
  };
}

/** The words of the API on a running stack. */
export function fogOn(stack: TestStack, agent: FogAgent, root: string): Fog {
  const fog: Fog = {
    stack,
    agent,
    root,
    async submit(part = {}) {
      const task = { system_name: 'worker', module_name: 'core', task_type: 'analysis', ...part };
      const { status, body }: Reply<{ task_id: string; status: string }> = await stack.post('/submit-task', task);
      assert.deepEqual([status, body.status], [200, 'success'], JSON.stringify(body));
      return body.task_id;
    },
    async status(name) {
      const { status, body } = await stack.get(`/task-status/${encodeURIComponent(name)}`);
      assert.equal(status, 200, JSON.stringify(body));
      return body;
    },
    ended: (name) => stack.ended(encodeURIComponent(name)),
    project(files = { 'main.py': 'print("before")\n' }) {
      const path = join(root, `project-${randomUUID().slice(0, 8)}`);
      for (const [name, text] of Object.entries(files)) {
        mkdirSync(dirname(join(path, name)), { recursive: true });
        writeFileSync(join(path, name), text);
      }
      return path;
    },
  };
  return fog;
}

/** When a task first came to this, in milliseconds since the epoch. */
export const at = ({ timeline }: View, wanted: string): number =>
  Date.parse(String(timeline.find(({ event }) => event === wanted)?.at));

export const events = ({ timeline }: View): string[] => timeline.map(({ event }) => event);
