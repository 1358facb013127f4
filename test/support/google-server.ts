/** Google's APIs as the deployment meets them: one project, with the errors in the shapes that Google gives them. */

import { type Answer, httpListener, type Listener, type Received } from './http-listener.ts';

export interface GoogleServer {
  readonly listener: Listener;
  /** The variables that send Terraform's provider and ours there, with a login. */
  readonly environment: Readonly<Record<string, string>>;
  /** Answers by `METHOD path`, without the query; they come before the project's own. */
  readonly answers: Map<string, Answer>;
  close(): Promise<void>;
}

export const PROJECT = 'acme-agents';
export const NUMBER = '123456789012';
export const STATE_BUCKET = 'acme-agents-state';

/** A project that is ready: billing on, APIs on, and a bucket for the state; nothing else is there. */
export async function googleServer(): Promise<GoogleServer> {
  const answers = new Map<string, Answer>([
    [`GET /v3/projects/${PROJECT}`, { status: 200, body: { name: `projects/${NUMBER}`, projectId: PROJECT, state: 'ACTIVE' } }],
    [`GET /v1/projects/${PROJECT}/billingInfo`, { status: 200, body: { billingEnabled: true } }],
    [
      `GET /storage/v1/b/${STATE_BUCKET}`,
      bucketAnswer({ versioning: { enabled: true }, iamConfiguration: { publicAccessPrevention: 'enforced' } }),
    ],
  ]);
  const listener = await httpListener((request) => answers.get(keyOf(request)) ?? own(request));
  const base = (path: string) => `${listener.url}/${path}/`;
  return {
    listener,
    answers,
    environment: {
      GOOGLE_OAUTH_ACCESS_TOKEN: 'a-token',
      GOOGLE_RESOURCE_MANAGER_V3_CUSTOM_ENDPOINT: base('v3'),
      GOOGLE_SERVICE_USAGE_CUSTOM_ENDPOINT: base('v1'),
      GOOGLE_CLOUD_BILLING_CUSTOM_ENDPOINT: base('v1'),
      GOOGLE_FIRESTORE_CUSTOM_ENDPOINT: base('v1'),
      GOOGLE_SECRET_MANAGER_CUSTOM_ENDPOINT: base('v1'),
      GOOGLE_STORAGE_CUSTOM_ENDPOINT: base('storage/v1'),
    },
    close: () => listener.close(),
  };
}

/** A bucket, of the project itself unless another number is given. */
export function bucketAnswer(more: Readonly<Record<string, unknown>> = {}): Answer {
  return { status: 200, body: { kind: 'storage#bucket', projectNumber: NUMBER, ...more } };
}

/** As an API that is off answers. Source: AIP-193 and google.rpc.ErrorInfo. */
export function serviceDisabled(service: string): Answer {
  const url = `https://console.developers.google.com/apis/api/${service}/overview?project=${NUMBER}`;
  const info = {
    '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
    reason: 'SERVICE_DISABLED',
    domain: 'googleapis.com',
    metadata: { consumer: `projects/${NUMBER}`, service },
  };
  const message = `${service} has not been used in project ${NUMBER} before or it is disabled. Enable it by visiting ${url} then retry.`;
  const help = {
    '@type': 'type.googleapis.com/google.rpc.Help',
    links: [{ description: 'Google developers console API activation', url }],
  };
  return { status: 403, body: { error: { code: 403, message, status: 'PERMISSION_DENIED', details: [help, info] } } };
}

/** An error without details; with `reason`, as the older APIs have it. */
export function refusal(status: number, message: string, reason?: string): Answer {
  return { status, body: { error: { code: status, message, ...(reason && { errors: [{ message, domain: 'global', reason }] }) } } };
}

const keyOf = ({ method, path }: Received): string => `${method} ${path.split('?', 1)[0]}`;

function own({ method, path }: Received): Answer {
  if (path.includes('/services:batchGet?')) {
    const names = new URL(path, 'http://x').searchParams.getAll('names');
    return { status: 200, body: { services: names.map((name) => ({ name, state: 'ENABLED' })) } };
  }
  if (method === 'POST' && path.startsWith('/storage/v1/b?')) return { status: 200, body: {} };
  return refusal(404, `Not found: ${path}`);
}
