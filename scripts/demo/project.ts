/** A project: submitted, modified by a user's own agent, rolled back. Each step is checked as it goes. */

import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Answer, Client, TaskView } from './client.ts';
import { table } from './table.ts';

export interface ProjectRun {
  readonly client: Client;
  /** An empty folder among the server's project roots. */
  readonly folder: string;
  readonly agentUrl: string;
  /** Makes names this run's own. */
  readonly run: string;
}

export interface ProjectSeen {
  readonly lines: readonly string[];
  readonly faults: readonly string[];
}

const FILE = 'message.txt';
const BEFORE = 'Sun on the mirror.';
const AFTER = 'SUN ON THE MIRROR.';
/** A backup comes first, so the agent starts a little later than others. */
const WAITS = 6;
const WAIT_SECONDS = 5;

export async function showProject({ client, folder, agentUrl, run }: ProjectRun): Promise<ProjectSeen> {
  const path = join(folder, 'greeting');
  await mkdir(path);
  await writeFile(join(path, FILE), `${BEFORE}\n`);
  const agent = `${run}-shouter`;
  const steps: Step[] = [];
  const step = (name: string, expected: string, seen: string) => steps.push({ name, expected, seen });

  step('the file, before', BEFORE, await contents(path));
  const registered = await client.post('/register-agent', { name: agent, endpoint: agentUrl });
  step('POST /register-agent', '200 success', words(registered));
  const submitted = await client.post('/submit-project', { project_path: path, description: 'As it came' });
  step('POST /submit-project', '200 success', words(submitted));
  const payload = { project_path: path, file: FILE };
  const task = { task_id: `${run}-shout`, system_name: agent, module_name: 'greeting', task_type: 'modification', payload };
  step('POST /submit-task', '200 success', words(await client.post('/submit-task', task)));
  const watched = await watch(client, task.task_id);
  step('GET /task-status', 'backed_up, running, succeeded', way(watched));
  step('the file, after the task', `${AFTER} and 1 more`, await contents(path));
  const backup = String(watched.backup_id);
  const back = await client.post(`/rollback/${backup}`, {});
  step(
    'POST /rollback/{backup_id}',
    '200 success: Rolled back to it',
    `${words(back)}: ${String(back.body.message).replace(backup, 'it')}`,
  );
  step('the file, after the rollback', BEFORE, await contents(path));

  const wrong = steps.filter(({ expected, seen }) => seen !== expected);
  const rows = steps.map(({ name, expected, seen }) => [name, expected, seen, seen === expected ? 'ok' : 'WRONG']);
  return {
    lines: table([['a project', 'expected', 'seen', ''], ...rows]),
    faults: wrong.map(({ name, expected, seen }) => `a project: ${name} is ${seen}, expected ${expected}`),
  };
}

interface Step {
  readonly name: string;
  readonly expected: string;
  readonly seen: string;
}

type Watched = TaskView & { readonly backup_id?: unknown };

/** The packet when its task has ended, or as it is when the wait is over. */
async function watch(client: Client, taskId: string): Promise<Watched> {
  let view: Watched | undefined;
  for (let waits = 0; waits < WAITS && view?.finishedAt === undefined; waits++) {
    const { body } = await client.get(`/task-status/${taskId}?waitSeconds=${WAIT_SECONDS}`);
    view = body as unknown as Watched;
  }
  return view as Watched;
}

/** What came to pass, in its order: whether the backup was there before the agent ran, and how it ended. */
function way({ timeline = [], status, error }: Watched): string {
  const events = timeline.map(({ event }) => event).filter((event) => event === 'backed_up' || event === 'running');
  return [...events, status, ...(error === undefined ? [] : [error.code])].join(', ');
}

/** What there is in the project: the file's text, and how many files more. */
async function contents(path: string): Promise<string> {
  const files = await readdir(path);
  const text = (await readFile(join(path, FILE), 'utf8')).trim();
  return files.length === 1 ? text : `${text} and ${files.length - 1} more`;
}

/** `200 success`; of a refusal its code. */
const words = ({ status, body }: Answer): string => `${status} ${String(body.code ?? body.status)}`;
