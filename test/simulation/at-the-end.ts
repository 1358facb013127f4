/** What must hold once the faults have stopped and everything has had its time. */

import { keyedId } from '../../functions/core/create.ts';
import type { Fields } from '../../functions/core/ports.ts';
import { brokenLink, timelineStart } from '../../functions/core/signing.ts';
import { isEnded, type Task } from '../../functions/core/task.ts';
import { fromDocument } from '../../functions/core/task-document.ts';
import { checkSettled } from './budget-invariants.ts';
import { checkWaited, dueOf, hadGates } from './waiting-invariants.ts';
import type { World } from './world.ts';

/** How long after the faults a task must still have had time to run, for its never having run to be a fault. */
const TIME_TO_RUN_MS = 420_000;
/** How long a message takes where nothing keeps it, and its refused repeats. */
const PROMPT_MS = 15_000;

/** Tells the oracle of the first rule that does not hold. */
export function checkTheEnd(world: World): void {
  const { oracle, documents } = world;
  const tasks = new Map([...documents.all('tasks')].map(([id, { data }]) => [id, whole(world, id, fromDocument(data))]));
  for (const [id, task] of tasks) checkTask(world, id, task, tasks);
  for (const { id } of oracle.accepted) if (!tasks.has(id)) oracle.violated('nothing accepted is lost', `${id} is not there`);
  checkEnds(world, tasks);
  checkKeys(world, tasks);
  checkSettled(world, tasks);
  checkWaited(world, tasks);
  checkRuns(world, tasks);
  checkCallbacks(world, tasks);
  checkPublished(world, tasks);
  for (const [id, { data }] of documents.all('quarantine')) {
    // A publisher's key that stands for another payload has no caller who could be told.
    if ((data as Fields).code !== 'idempotency_key_reused')
      oracle.violated('nothing that is in order is quarantined', `${id}: ${(data as Fields).code} ${(data as Fields).reason}`);
  }
}

function checkTask({ oracle, signing, faultsEnd }: World, id: string, task: Task, tasks: ReadonlyMap<string, Task>): void {
  if (!isEnded(task.status)) oracle.violated('every accepted task ends', `${id} is ${task.status}`);
  if (task.pending !== undefined) oracle.violated('what must follow an end does', `${id}: ${task.pending}`);
  if (task.callbackUrl !== undefined && task.callback === undefined)
    oracle.violated('what must follow an end does', `${id}: no callback`);
  if (brokenLink(signing, task.timeline, timelineStart(task.tenant, id)) !== -1) oracle.violated('audit chains verify', id);
  const couldRunFrom = Math.max(faultsEnd, task.retryAt ?? 0, dueOf(task, tasks));
  const neverRan = task.status === 'expired' && task.timeline.at(-1)?.by === 'sweeper' && task.epoch === 0;
  if (neverRan && !hadGates(task) && task.ttl * 1000 - couldRunFrom > TIME_TO_RUN_MS)
    oracle.violated('what is accepted is run', `${id} was never run`);
  const claims = task.timeline.filter(({ event }) => event === 'running').length;
  if (task.charges.length !== claims)
    oracle.violated('one charge per attempt', `${id}: ${claims} claims, ${JSON.stringify(task.charges)}`);
}

/** What was told to be cancelled is; what had succeeded in time did, where nothing kept its message from getting through. */
function checkEnds({ oracle, isSteady, isOnce }: World, tasks: ReadonlyMap<string, Task>): void {
  for (const id of oracle.cancelled) {
    if (tasks.get(id)?.status !== 'cancelled') oracle.violated('an end that was told stays', `${id} was told to be cancelled`);
  }
  for (const [id, at] of oracle.succeeded) {
    const task = tasks.get(id);
    if (task === undefined || !isSteady || !isOnce || at > task.ttl * 1000 || task.redrives > 0) continue;
    if (task.status !== 'succeeded' && (task.finishedAt ?? 0) > at + PROMPT_MS) {
      oracle.violated('a success is a success', `${id} had succeeded, and is ${task.status}`);
    }
  }
}

/** With the older part of a long timeline. */
function whole({ documents }: World, id: string, task: Task): Task {
  const archives = [...documents.all('timelines').values()].map(
    ({ data }) => data as { taskId: string; entries: Task['timeline'] },
  );
  const own = archives.filter(({ taskId }) => taskId === id).map(({ entries }) => entries);
  const older = own.sort((a, b) => (a[0]?.at ?? 0) - (b[0]?.at ?? 0)).flat();
  return { ...task, timeline: [...older, ...task.timeline] };
}

/** One task for one key and payload; none for another payload. */
function checkKeys({ oracle, isSteady }: World, tasks: ReadonlyMap<string, Task>): void {
  const firsts = new Map<string, number>();
  for (const { plan, id, isReplay, view } of oracle.accepted) {
    const expected = plan.key === undefined ? undefined : keyedId(plan.tenant, plan.agent, `key-${plan.key}`);
    if (expected !== undefined && id !== expected) oracle.violated('a key is one task', `${id} instead of ${expected}`);
    if (plan.key === undefined && isReplay)
      oracle.violated('one request creates a task', `${id} has no key, and was told to be a replay`);
    if (!isReplay) firsts.set(id, (firsts.get(id) ?? 0) + 1);
    const stored = tasks.get(id);
    if (stored === undefined) continue;
    const { payload } = view as { payload?: { steps?: unknown; reference?: boolean } };
    if (payload?.reference !== true && plan.agent !== 'codex' && JSON.stringify(payload?.steps) !== JSON.stringify(plan.steps)) {
      oracle.violated('a key stands for one payload', `${id} answered for ${JSON.stringify(plan.steps)}`);
    }
  }
  for (const { id } of oracle.accepted) {
    const isPublishers = tasks.get(id)?.timeline[0]?.by === 'publisher';
    if (isSteady && !isPublishers && !firsts.has(id)) oracle.violated('one request creates a task', `nobody was told so of ${id}`);
  }
  for (const [id, times] of firsts) if (times > 1) oracle.violated('one request creates a task', `${times} were told so of ${id}`);
}

/** What agents have run is charged once each, at what they reported; what is stored as a result is what one of them gave. */
function checkRuns({ oracle }: World, tasks: ReadonlyMap<string, Task>): void {
  for (const { taskId, epoch, costsCents } of oracle.runs.values()) {
    const charge = tasks.get(taskId)?.charges.find((one) => one.epoch === epoch);
    if (charge === undefined) {
      oracle.violated('one charge per attempt that ran', `${taskId}, epoch ${epoch} is not charged`);
      continue;
    }
    const told = costsCents.map((cents) =>
      cents === undefined ? charge.quoteMicros : Math.min(cents * 10_000, charge.quoteMicros),
    );
    const isTold = charge.costMicros === charge.quoteMicros || told.includes(charge.costMicros ?? -1);
    if (!isTold)
      oracle.violated('a charge is what was reported', `${taskId}, epoch ${epoch}: ${JSON.stringify(charge)} of ${told}`);
  }
  for (const [id, task] of tasks) {
    if (task.status !== 'succeeded' || typeof task.result !== 'object') continue;
    if (task.agent === 'light' || task.agent === 'codex') {
      const { echo } = task.result as { echo?: { tag?: unknown } };
      if (echo?.tag !== task.payload?.tag)
        oracle.violated('a result is what its attempt gave', `${id}: ${JSON.stringify(task.result)}`);
      continue;
    }
    const run = oracle.runs.get(`${id}/${task.closedEpoch}`);
    const isGiven = run?.results.some(({ result }) => JSON.stringify(result) === JSON.stringify(task.result));
    if (!isGiven)
      oracle.violated('a result is what its attempt gave', `${id}, epoch ${task.closedEpoch}: ${JSON.stringify(task.result)}`);
  }
}

/** One callback id per life of a task, and one end told under it. */
function checkCallbacks({ oracle }: World, tasks: ReadonlyMap<string, Task>): void {
  const told = new Map<string, string>();
  for (const { id, view } of oracle.received) {
    const task = tasks.get(String(view.id));
    const [, life = '0'] = id === view.id ? [] : (/-(\d+)$/.exec(id) ?? []);
    if (task === undefined || Number(life) > task.redrives) oracle.violated('one callback id per end', `${id} for ${view.id}`);
    const end = JSON.stringify([view.status, view.result, view.error, view.finishedAt]);
    if ((told.get(id) ?? end) !== end) oracle.violated('one callback id per end', `${id} told of ${told.get(id)} and ${end}`);
    told.set(id, end);
    const isOver = task !== undefined && Number(life) === task.redrives;
    if (isOver && view.status !== task.status)
      oracle.violated('a callback tells the end', `${id} told ${view.status}, not ${task.status}`);
  }
  for (const [id, task] of tasks) {
    const callbackId = task.redrives === 0 ? id : `${id}-${task.redrives}`;
    const wasTaken = oracle.received.some((one) => one.id === callbackId && one.status < 300);
    if (task.callback === 'delivered' && !wasTaken) oracle.violated('a delivered callback was taken', callbackId);
  }
}

/** Every message that the broker took from a publisher became a task; one, where it has a key. */
function checkPublished({ oracle }: World, tasks: ReadonlyMap<string, Task>): void {
  const byPublishers = [...tasks.values()].filter(({ timeline }) => timeline[0]?.by === 'publisher');
  for (const { plan, messageId, tag } of oracle.published) {
    const id = plan.key === undefined ? undefined : keyedId('default', plan.agent, `key-${plan.key}`);
    const isThere =
      id === undefined ? byPublishers.some(({ payload }) => payload === undefined || payload.tag === tag) : tasks.has(id);
    if (!isThere) oracle.violated('nothing accepted is lost', `message ${messageId} became no task`);
  }
  const keyless = byPublishers.filter(({ idempotencyKey }) => idempotencyKey === undefined).length;
  const most = oracle.published.filter(({ plan }) => plan.key === undefined).length + oracle.deadTasks;
  if (keyless > most) oracle.violated('a message is one task', `${keyless} tasks of ${most} messages`);
}
