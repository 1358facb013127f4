/** A small real job on source code: lists what a text in JavaScript or TypeScript defines, line by line. */

import type { Handler } from '../core/agent/define-agent.ts';
import { RetryableError, TerminalError } from '../core/errors.ts';
import type { Runtime } from '../core/runtime.ts';

const DEFINITION =
  /^\s*(?:export\s+)?(?:default\s+)?(?:async\s+)?(function|class|interface|type|const|let|enum)\s+\*?\s*([A-Za-z_$][\w$]*)/;
const MAX_PAUSE_MS = 600_000;

/**
 * The payload's `source` is the text; without one it is echoed. `pauseMs` delays the answer, `fail` (`terminal` or `retry`)
 * makes the run fail: for trying out time limits and retries.
 */
export function outline({ clock }: Pick<Runtime, 'clock'>): Handler {
  return async ({ source, pauseMs, fail, ...rest }, { signal, attempt }) => {
    if (typeof pauseMs === 'number' && pauseMs > 0) await clock.sleep(Math.min(pauseMs, MAX_PAUSE_MS), signal);
    if (fail === 'terminal') throw new TerminalError('asked_to_fail', 'The payload asks this run to fail.');
    if (fail === 'retry') throw new RetryableError('asked_to_fail', `The payload asks this run (attempt ${attempt}) to fail.`);
    if (source === undefined) return { echo: rest };
    if (typeof source !== 'string') throw new TerminalError('invalid_payload', 'payload.source is not a text.');
    const lines = source.split('\n');
    const definitions = lines.flatMap((line, index) => {
      const [, kind, name] = DEFINITION.exec(line) ?? [];
      return kind === undefined ? [] : [{ line: index + 1, kind, name }];
    });
    return { lines: lines.length, definitions };
  };
}
