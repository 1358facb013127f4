/** `projects`: what there is to back up, its backups, the way back to them, and what can be asked of its files. */

import type { Request, Response } from 'router';
import { authenticator, type Caller, type Scope } from '../core/authenticate.ts';
import { jsonBody, queryOf, room, send, UNPROVEN_BODY_BYTES } from '../core/http.ts';
import type { Room, Runtime } from '../core/runtime.ts';
import type { Reply, WhenGone } from './await-backup.ts';
import { getDiff } from './diff.ts';
import { getDependencyMap } from './get-dependency-map.ts';
import { getBackup, listBackups, postBackup, verifyOne } from './project-backups.ts';
import { getProject, listProjects, putRetention } from './read-projects.ts';
import { getRollback, postRollback } from './rollback.ts';
import { submitProject } from './submit-project.ts';

export function projects(runtime: Runtime): Room {
  const authenticate = authenticator(runtime);

  return room(runtime, ['documents', 'objects', 'messages'], (router) => {
    router.post(
      '/submit-project',
      does(async (caller, request, gone) => submitProject(runtime, caller, await bodyOf(request), gone)),
    );
    router.get(
      '/projects',
      shows((caller, request) => listProjects(runtime, caller, queryOf(request))),
    );
    router.get(
      '/projects/:id',
      shows((caller, request) => getProject(runtime, caller, idOf(request))),
    );
    router.put(
      '/projects/:id/retention',
      decides(async (caller, request) => putRetention(runtime, caller, idOf(request), await bodyOf(request))),
    );
    router.get(
      '/projects/:id/diff',
      shows((caller, request) => getDiff(runtime, caller, idOf(request), queryOf(request))),
    );
    router.get(
      '/projects/:id/backups',
      shows((caller, request) => listBackups(runtime, caller, idOf(request), queryOf(request))),
    );
    router.post(
      '/projects/:id/backups',
      does(async (caller, request, gone) => postBackup(runtime, caller, idOf(request), await optionalBodyOf(request), gone)),
    );
    router.get(
      '/projects/:id/backups/:backup',
      shows((caller, request) => getBackup(runtime, caller, idOf(request), backupOf(request))),
    );
    router.post(
      '/projects/:id/backups/:backup/verify',
      does((caller, request, gone) => verifyOne(runtime, caller, idOf(request), backupOf(request), gone)),
    );
    router.post(
      '/rollback/:backup',
      does((caller, request, gone) => postRollback(runtime, caller, backupOf(request), queryOf(request), gone)),
    );
    router.get(
      '/rollbacks/:id',
      shows((caller, request) => getRollback(runtime, caller, idOf(request))),
    );
    router.get('/dependency-map', async (request: Request, response: Response) => {
      const caller = await authenticate(request, 'read');
      const reply = await getDependencyMap(runtime, caller, queryOf(request));
      if ('json' in reply) return send(response, 200, reply.json);
      response.writeHead(200, { ...AS_TEXT, 'content-type': reply.type, 'content-length': Buffer.byteLength(reply.text) });
      response.end(reply.text);
    });
  });

  function as(scope: Scope, answer: (caller: Caller, request: Request) => Promise<unknown>) {
    return async (request: Request, response: Response) =>
      send(response, 200, await answer(await authenticate(request, scope), request));
  }
  function shows(answer: (caller: Caller, request: Request) => Promise<unknown>) {
    return as('read', answer);
  }
  /** Which ways back are kept: not for whoever may send what makes one necessary. */
  function decides(answer: (caller: Caller, request: Request) => Promise<unknown>) {
    return as('admin', answer);
  }
  /** What `backups` does: it is waited for as long as somebody is there. */
  function does(answer: (caller: Caller, request: Request, whenGone: WhenGone) => Promise<Reply>) {
    return async (request: Request, response: Response) => {
      const caller = await authenticate(request, 'dispatch');
      const { status, body } = await answer(caller, request, (run) => response.once('close', run));
      send(response, status, body);
    };
  }
}

/** A picture may be opened as a page of its own, whose names are those of somebody's files. */
const AS_TEXT = {
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; sandbox",
  'x-content-type-options': 'nosniff',
};

const idOf = (request: Request): string => String(request.params.id);
const backupOf = (request: Request): string => String(request.params.backup);
const bodyOf = (request: Request): Promise<unknown> => jsonBody(request, UNPROVEN_BODY_BYTES);

/** Of what needs no fields. */
async function optionalBodyOf(request: Request): Promise<unknown> {
  const { 'content-length': length = '0', 'transfer-encoding': encoding } = request.headers;
  return length === '0' && encoding === undefined ? {} : bodyOf(request);
}
