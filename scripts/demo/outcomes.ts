/** Compares what the server showed with what had to come; pure. */

import { isDeepStrictEqual } from 'node:util';
import { centsFromMicros, microsFromCents } from '../../functions/core/budgets/money.ts';
import type { Ending, Kind } from './batch.ts';
import { tasksOf } from './batch.ts';
import type { Answer, TaskView } from './client.ts';

/** What was seen of one kind: the answers to its requests, its tasks at the end, and how many callbacks were in order. */
export interface Seen {
  readonly answers: readonly Answer[];
  readonly tasks: readonly TaskView[];
  readonly callbacks: number;
}

/** One line of the table. */
export interface Outcome {
  readonly name: string;
  readonly tasks: number;
  readonly expected: string;
  readonly seen: string;
  readonly attempts: number;
  readonly costMicros: number;
  /** From creation to end, by the server's times: the median of the kind's tasks. */
  readonly medianMs: number | undefined;
  /** Everything that is not as expected, naming the task. */
  readonly faults: readonly string[];
}

/** Judges one kind. `priceMicros` is the price of one run. */
export function judge(kind: Kind, seen: Seen, priceMicros: number): Outcome {
  const { want } = kind;
  const faults: string[] = [];
  if ('refused' in want) {
    for (const { status, body } of seen.answers)
      if (status !== want.refused || body.code !== want.code)
        faults.push(`${kind.name}: answered ${answerWords(status, body.code)}, expected ${answerWords(want.refused, want.code)}`);
  } else {
    for (const { status, body } of seen.answers)
      if (status !== 200 && status !== 202)
        faults.push(`${kind.name}: refused with ${answerWords(status, body.code)}: ${String(body.detail)}`);
    const replays = seen.answers.filter(({ replayed }) => replayed).length;
    if (replays !== (want.replays ?? 0)) faults.push(`${kind.name}: ${replays} replays, expected ${want.replays ?? 0}`);
    if (want.callback && seen.callbacks !== tasksOf(kind))
      faults.push(`${kind.name}: ${seen.callbacks} verified callbacks, expected ${tasksOf(kind)}`);
    for (const task of seen.tasks) faults.push(...taskFaults(kind.name, want, task, priceMicros));
  }
  if (seen.tasks.length !== tasksOf(kind)) faults.push(`${kind.name}: ${seen.tasks.length} tasks, expected ${tasksOf(kind)}`);
  return {
    name: kind.name,
    tasks: seen.tasks.length,
    expected:
      'refused' in want ? answerWords(want.refused, want.code) : endingWords(want, want.replays ?? 0, want.callback === true),
    seen: seenWords(kind, seen),
    attempts: seen.tasks.reduce((sum, { attempts }) => sum + attempts, 0),
    costMicros: seen.tasks.reduce((sum, { costCents }) => sum + microsFromCents(costCents), 0),
    medianMs: median(seen.tasks.flatMap(tookMs)),
    faults,
  };
}

function taskFaults(name: string, want: Ending, task: TaskView, priceMicros: number): string[] {
  const runs = task.timeline.filter(({ event }) => event === 'running').length;
  const checks: readonly (readonly [string, unknown, unknown])[] = [
    ['status', task.status, want.status],
    ['error code', task.error?.code, want.code],
    ['attempts', task.attempts, want.attempts],
    ['runs in the timeline', runs, want.attempts],
    ['cost in cents', task.costCents, centsFromMicros(priceMicros * want.attempts)],
    ...(want.result === undefined ? [] : ([['result', task.result, want.result(task.payload as never)]] as const)),
  ];
  return checks
    .filter(([, seen, expected]) => !isDeepStrictEqual(seen, expected))
    .map(([what, seen, expected]) => `${name}: task ${task.id}: ${what} is ${shown(seen)}, expected ${shown(expected)}`);
}

function seenWords({ want }: Kind, { answers, tasks, callbacks }: Seen): string {
  if (tasks.length === 0) return counted(answers.map(({ status, body }) => answerWords(status, body.code)));
  const replays = answers.filter(({ replayed }) => replayed).length;
  const told = !('refused' in want) && want.callback === true && callbacks > 0;
  return counted(tasks.map((task) => endingWords({ status: task.status, code: task.error?.code }, replays, told)));
}

function endingWords({ status, code }: Pick<Ending, 'status' | 'code'>, replays: number, callback: boolean): string {
  const words = [code === undefined || code === status ? status : `${status} ${code}`];
  if (replays > 0) words.push(`${replays} replayed`);
  if (callback) words.push('callback verified');
  return words.join(', ');
}

const answerWords = (status: number, code: unknown): string => (code === undefined ? String(status) : `${status} ${String(code)}`);

/** `succeeded`, or `11 × succeeded; 1 × queued` where they differ. */
function counted(words: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  if (counts.size <= 1) return words[0] ?? 'nothing';
  return [...counts].map(([word, count]) => `${count} × ${word}`).join('; ');
}

const tookMs = ({ createdAt, finishedAt }: TaskView): number[] =>
  finishedAt === undefined ? [] : [Date.parse(finishedAt) - Date.parse(createdAt)];

function median(values: readonly number[]): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

const shown = (value: unknown): string => (value === undefined ? 'absent' : JSON.stringify(value).slice(0, 200));
