import type { Context } from '../../core/agent/define-agent.ts';
import type { McpCall } from '../../core/ports.ts';
import type { Runtime } from '../../core/runtime.ts';

/** Each note is a write: more would slow down what it tells of. */
const EVERY_MS = 500;
/** Bytes of UTF-8. */
const MAX_NOTE = 1_024;

/** Passes progress on to the job's timeline: one note at a time, two a second at most; what comes between is left out. */
export function progressNotes({ clock, log }: Pick<Runtime, 'clock' | 'log'>, { progress, taskId }: Context) {
  let writing: Promise<void> | undefined;
  let last = Number.NEGATIVE_INFINITY;

  const take: McpCall['onProgress'] = (news) => {
    if (writing !== undefined || clock.now() - last < EVERY_MS) return;
    last = clock.now();
    writing = progress(noteOf(news))
      .catch((error) => log.debug({ err: error, taskId }, 'Progress could not be noted.'))
      .finally(() => {
        writing = undefined;
      });
  };
  /** Waits for the note that is being written: the job must not end before it. */
  return { take, written: async () => writing };
}

function noteOf({ progress, total, message = '' }: Parameters<McpCall['onProgress']>[0]): string {
  const text = `${progress}${total === undefined ? '' : `/${total}`} ${message}`.trim();
  const bytes = Buffer.from(text);
  // A character that is cut in two is left out.
  return bytes.length <= MAX_NOTE
    ? text
    : bytes
        .subarray(0, MAX_NOTE)
        .toString('utf8')
        .replace(/\ufffd$/, '');
}
