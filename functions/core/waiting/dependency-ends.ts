/** How those ended that a task waits for, as far as its next step needs to know. */

import type { Runtime } from '../runtime.ts';
import { readTask } from '../store.ts';
import { isEnded, type Known, type TaskError } from '../task.ts';
import type { Failed } from './dependencies.ts';

/** As many dependencies are read at once; one that has not ended makes the rest unneeded. */
const READ_AT_ONCE = 10;

/** What is known of dependencies: some that have succeeded, and one that ended otherwise. */
export interface Ends {
  readonly succeeded: ReadonlySet<string>;
  readonly failed?: Failed;
}

/**
 * Looks at the last ones first, since what is named first most often ends first; the first that still runs ends the search. `ended`
 * is one that is known to have.
 */
export async function endsOf(
  runtime: Pick<Runtime, 'documents' | 'clock'>,
  ids: readonly string[],
  ended: Known | undefined,
): Promise<Ends> {
  const succeeded = new Set<string>();
  if (ended !== undefined && ended.task.status !== 'succeeded') {
    return { succeeded, failed: { id: ended.id, status: ended.task.status } };
  }
  if (ended !== undefined) succeeded.add(ended.id);
  const unread = ids.filter((id) => id !== ended?.id);
  while (unread.length > 0) {
    const batch = unread.splice(-READ_AT_ONCE);
    const found = await Promise.all(batch.map(async (id) => ({ id, status: (await readTask(runtime, id))?.task.status })));
    for (const { id, status } of found) if (status === 'succeeded') succeeded.add(id);
    const failed = found.find(({ status }) => status === undefined || (isEnded(status) && status !== 'succeeded'));
    if (failed !== undefined) return { succeeded, failed };
    if (found.some(({ status }) => status !== 'succeeded')) break;
  }
  return { succeeded };
}

/** Why a task ends that waited for another. */
export const dependencyFailed = ({ id, status }: Failed): TaskError => ({
  code: 'dependency_failed',
  message:
    status === undefined
      ? `Task ${id}, for which it waited, is no longer there, so it cannot be told how it ended.`
      : `Task ${id}, for which it waited, ended as ${status}.`,
});
