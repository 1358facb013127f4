/** `ssh.exec`: one of the commands that the operator allows on a host. */

import * as z from 'zod';
import { Problem } from '../../core/errors.ts';
import { allowedExec } from '../../core/ssh/allowed.ts';
import { runOverSsh } from './ssh-run.ts';
import { defineTool } from './tool.ts';

/** `{host, command, timeout_sec?}`; gives what `runOverSsh` says. */
export const sshExec = defineTool({
  inputs: z.strictObject({
    host: z.string().min(1).max(253),
    command: z.string().min(1).max(4_096),
    /** With the time to connect. */
    timeout_sec: z.number().min(1).max(30).default(10),
  }),
  run: (runtime, { host, command, timeout_sec }, context) =>
    runOverSsh(
      runtime,
      { command, timeoutMs: timeout_sec * 1000 },
      () => allowedExec(runtime.settings, { host, command }),
      context,
    ),
  /** Also for what would be refused, with the reason. */
  dryRun({ settings }, { host, command, timeout_sec }) {
    const asked = { host, command, timeout_sec };
    try {
      return { ...asked, argv: allowedExec(settings, asked).words };
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      return { ...asked, would_be_refused: { code: error.code, message: error.message } };
    }
  },
});
