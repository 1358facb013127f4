/** How `/orchestrate` and `/jobs/{id}` answer: with JSON, or with events as they happen. */

import type { Request, Response } from 'router';
import type { Caller } from '../../core/authenticate.ts';
import { jsonBody, send } from '../../core/http.ts';
import type { Runtime } from '../../core/runtime.ts';
import { streamJob, streamOrchestrate, wantsEvents } from './job-events.ts';
import { orchestrate } from './orchestrate.ts';
import { getJob } from './read-job.ts';
import { sshExec } from './ssh-exec.ts';

export async function answerOrchestrate(runtime: Runtime, caller: Caller, request: Request, response: Response): Promise<void> {
  if (wantsEvents(request)) return streamOrchestrate(runtime, caller, await jsonBody(request), request, response);
  const { status, answer, replayed } = await orchestrate(runtime, caller, await jsonBody(request));
  send(response, status, answer, replayed ? { 'idempotent-replayed': 'true' } : {});
}

export async function answerJob(runtime: Runtime, caller: Caller, request: Request, response: Response): Promise<void> {
  const id = String(request.params.id);
  if (wantsEvents(request)) return streamJob(runtime, caller, id, request, response);
  send(response, 200, await getJob(runtime, caller, id));
}

export async function answerSshExec(runtime: Runtime, caller: Caller, request: Request, response: Response): Promise<void> {
  const { status, answer } = await sshExec(runtime, caller, await jsonBody(request));
  send(response, status, answer);
}
