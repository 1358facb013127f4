/** `ssh.exec.peek`: a command that only reads, on any host of the settings. */

import * as z from 'zod';
import { allowedPeek } from '../../core/ssh/allowed.ts';
import { runOverSsh } from './ssh-run.ts';
import { defineTool } from './tool.ts';

const TIME_LIMIT_MS = 10_000;

/** `{host, command}`; gives what `runOverSsh` says. */
export const sshExecPeek = defineTool({
  inputs: z.strictObject({ host: z.string().min(1).max(253), command: z.string().min(1).max(4_096) }),
  run: (runtime, { host, command }, context) =>
    runOverSsh(runtime, { command, timeoutMs: TIME_LIMIT_MS }, () => allowedPeek(runtime.settings, { host, command }), context),
});
