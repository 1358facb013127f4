import type { Bucket, FileMetadata } from '@google-cloud/storage';
import { crew } from '../core/backups/ahead.ts';
import { Problem } from '../core/errors.ts';
import { modeAlone } from './bucket-entries.ts';
import type { Step } from './bucket-plan.ts';
import { LONGEST_CALL_MS, statusOf } from './storage-client.ts';
import { within } from './within.ts';

/** Requests at once. */
const CALLS = 16;

/**
 * Carries out a plan, or what is left of it. Each step happens only if its object is still what the plan found, so that whoever
 * repeats it, also at the same time, changes nothing twice. Gives the objects that somebody else has written or deleted since: those
 * stay as they are, as if that had been done after the rollback.
 */
export async function applyPlan(bucket: Bucket, steps: readonly Step[]): Promise<string[]> {
  const overtaken: string[] = [];
  for (const isLast of [false, true]) {
    const calls = crew(CALLS);
    for (const step of steps) {
      // What is to go does so last: until then it can be seen, however long the rest takes.
      if ((step.kind === 'delete') !== isLast) continue;
      await calls.add(async () => {
        if (!(await applied(bucket, step))) overtaken.push(step.name);
      });
    }
    await calls.end();
  }
  return overtaken.sort();
}

/** Removes everything below a prefix for good, also what a bucket with versions would keep. */
export async function removeAll(bucket: Bucket, prefix: string): Promise<void> {
  const [files] = await within(LONGEST_CALL_MS * CALLS, bucket.getFiles({ prefix, versions: true }));
  const calls = crew(CALLS);
  for (const file of files) {
    await calls.add(async () => {
      await within(LONGEST_CALL_MS, file.delete({ ignoreNotFound: true }));
    });
  }
  await calls.end();
}

export const overtakenProblem = (project: string, overtaken: readonly string[]): Problem =>
  new Problem(
    409,
    'changed_during_rollback',
    `${project} was rolled back, but for what somebody else changed at that moment, which stays as it is now: ${overtaken
      .slice(0, 10)
      .map((name) => JSON.stringify(name))
      .join(', ')}${overtaken.length > 10 ? ` and ${overtaken.length - 10} more` : ''}. Roll back once more to change that too.`,
  );

/** False when it was overtaken. */
async function applied(bucket: Bucket, step: Step): Promise<boolean> {
  try {
    await within(LONGEST_CALL_MS, attempt(bucket, step));
    return true;
  } catch (error) {
    // Refused, since it is not what the plan found, or since there is nothing to copy any more: whoever did all of it removed that.
    if (![404, 412].includes(statusOf(error))) throw error;
    const [found] = await within(LONGEST_CALL_MS, bucket.file(step.name).getMetadata()).catch((missing) => {
      if (statusOf(missing) === 404) return [undefined];
      throw missing;
    });
    return isDone(step, found);
  }
}

async function attempt(bucket: Bucket, step: Step): Promise<void> {
  const file = bucket.file(step.name);
  const ifGenerationMatch = step.before;
  if (step.kind === 'delete') await file.delete({ ifGenerationMatch });
  else if (step.kind === 'mode') {
    const conditions = { ifGenerationMatch, ifMetagenerationMatch: step.metageneration };
    await file.setMetadata({ metadata: modeAlone(step.mode) }, conditions);
  } else {
    const { name, generation } = step.staged;
    await bucket.file(name as string, { generation }).copy(file, { preconditionOpts: { ifGenerationMatch } });
  }
}

/** Whether an object is what the step was to make of it, by whoever made it that. */
function isDone(step: Step, found: FileMetadata | undefined): boolean {
  if (step.kind === 'delete' || found === undefined) return step.kind === 'delete' && found === undefined;
  const metadata = found.metadata ?? {};
  const wanted = step.kind === 'mode' ? modeAlone(step.mode) : (step.staged.metadata ?? {});
  const hasMetadata = Object.entries(wanted).every(([key, value]) => metadata[key] === value);
  if (step.kind === 'mode') return hasMetadata && String(found.generation) === step.before;
  const { size, crc32c, md5Hash } = step.staged;
  return hasMetadata && String(found.size) === String(size) && found.crc32c === crc32c && found.md5Hash === md5Hash;
}
