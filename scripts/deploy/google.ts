/** Google's REST APIs, as whoever deploys: with the login that Terraform finds too. */

import { existsSync } from 'node:fs';
import { Problem } from '../../functions/core/errors.ts';
import type { Environment } from '../../functions/core/settings.ts';

/** The APIs that are called, with the variable by which Terraform's provider is sent elsewhere too. */
const SERVICES = {
  projects: ['GOOGLE_RESOURCE_MANAGER_V3_CUSTOM_ENDPOINT', 'https://cloudresourcemanager.googleapis.com/v3/'],
  services: ['GOOGLE_SERVICE_USAGE_CUSTOM_ENDPOINT', 'https://serviceusage.googleapis.com/v1/'],
  billing: ['GOOGLE_CLOUD_BILLING_CUSTOM_ENDPOINT', 'https://cloudbilling.googleapis.com/v1/'],
  storage: ['GOOGLE_STORAGE_CUSTOM_ENDPOINT', 'https://storage.googleapis.com/storage/v1/'],
  firestore: ['GOOGLE_FIRESTORE_CUSTOM_ENDPOINT', 'https://firestore.googleapis.com/v1/'],
  secrets: ['GOOGLE_SECRET_MANAGER_CUSTOM_ENDPOINT', 'https://secretmanager.googleapis.com/v1/'],
} as const;

const LIMIT_MS = 30_000;
const SCOPE = 'https://www.googleapis.com/auth/cloud-platform';

export interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  /** Of an error: `ErrorInfo`'s reason (`SERVICE_DISABLED`), or the older APIs' (`accessNotConfigured`). */
  readonly reason?: string;
  /** Of an error: what Google says. */
  readonly message: string;
}

export interface Google {
  get(service: keyof typeof SERVICES, path: string): Promise<Answer>;
  post(service: keyof typeof SERVICES, path: string, body: Readonly<Record<string, unknown>>): Promise<Answer>;
}

/**
 * The APIs, called on the account of `project`. The login is looked for where Terraform's provider looks: an access token, a key
 * in a variable, the application default credentials; `GOOGLE_IMPERSONATE_SERVICE_ACCOUNT` counts too. Throws `Problem` `no_login`.
 *
 * Source: provider `google`, "Provider Configuration Reference", "Authentication Configuration".
 */
export async function openGoogle(environment: Environment, project: string): Promise<Google> {
  const token = await accessToken(environment);

  async function call(method: string, service: keyof typeof SERVICES, path: string, body?: object): Promise<Answer> {
    const [variable, base] = SERVICES[service];
    const url = (environment[variable] || base).replace(/\/?$/, '/') + path;
    const headers = { authorization: `Bearer ${token}`, 'x-goog-user-project': project, 'content-type': 'application/json' };
    let reply: Response;
    try {
      reply = await fetch(url, {
        method,
        headers,
        body: body && JSON.stringify(body),
        signal: AbortSignal.timeout(LIMIT_MS),
        redirect: 'error',
      });
    } catch (error) {
      const cause = (error as Error).cause ?? error;
      throw new Problem(503, 'google_unreachable', `${new URL(url).host} cannot be reached: ${(cause as Error).message}`);
    }
    return answerOf(reply.status, await reply.text());
  }

  return { get: (service, path) => call('GET', service, path), post: (service, path, body) => call('POST', service, path, body) };
}

/**
 * Whether a bucket is in another project than the one of this number. Names of buckets are global and ours can be guessed: whoever
 * has taken one before, and lets everybody use it, would be given all that is stored there. Source: Cloud Storage, "Buckets",
 * `projectNumber`.
 */
export const isForeign = ({ body }: Answer, projectNumber: string): boolean => String(body.projectNumber) !== projectNumber;

/** Whether the API itself is off, which says nothing about what was asked for. */
export const isDisabled = ({ reason }: Answer): boolean => reason === 'SERVICE_DISABLED' || reason === 'accessNotConfigured';

function answerOf(status: number, text: string): Answer {
  let body: Record<string, unknown> = {};
  try {
    body = JSON.parse(text) as Record<string, unknown>;
  } catch {
    // A proxy's page, or nothing.
  }
  const error = body.error as
    | { message?: string; details?: { '@type'?: string; reason?: string }[]; errors?: { reason?: string }[] }
    | undefined;
  const info = error?.details?.find((detail) => detail['@type']?.endsWith('google.rpc.ErrorInfo'));
  return { status, body, reason: info?.reason ?? error?.errors?.[0]?.reason, message: error?.message ?? text.slice(0, 300) };
}

/**
 * Throws `Problem` `no_login` where there are no application default credentials, or Google does not take them: the client
 * libraries know no others.
 */
export async function checkDefaultLogin(): Promise<void> {
  await accessToken({});
}

async function accessToken(environment: Environment): Promise<string> {
  const given = environment.GOOGLE_OAUTH_ACCESS_TOKEN;
  const impersonated = environment.GOOGLE_IMPERSONATE_SERVICE_ACCOUNT;
  if (given && !impersonated) return given;
  const { GoogleAuth, Impersonated, OAuth2Client } = await import('google-auth-library');
  try {
    const key = environment.GOOGLE_CREDENTIALS || environment.GOOGLE_CLOUD_KEYFILE_JSON || environment.GCLOUD_KEYFILE_JSON;
    const isFile = key !== undefined && existsSync(key);
    const auth = new GoogleAuth({ scopes: SCOPE, ...(key && (isFile ? { keyFile: key } : { credentials: JSON.parse(key) })) });
    const own = given ? new OAuth2Client() : await auth.getClient();
    if (given && own instanceof OAuth2Client) own.setCredentials({ access_token: given });
    const client = impersonated
      ? new Impersonated({ sourceClient: own, targetPrincipal: impersonated, targetScopes: [SCOPE], lifetime: 3600 })
      : own;
    const { token } = await client.getAccessToken();
    if (!token) throw new Error('Google gave no access token');
    return token;
  } catch (error) {
    throw new Problem(401, 'no_login', noLogin(error as Error, impersonated), { cause: error });
  }
}

function noLogin({ message }: Error, impersonated: string | undefined): string {
  if (impersonated) {
    return `${impersonated} cannot be impersonated (${message}). Grant yourself roles/iam.serviceAccountTokenCreator on it, or unset GOOGLE_IMPERSONATE_SERVICE_ACCOUNT.`;
  }
  const what = /could not load the default credentials/i.test(message)
    ? 'There is no Google login on this machine.'
    : `The Google login on this machine is not accepted (${message}).`;
  return `${what} Run:

  gcloud auth application-default login

or name a service account's or federated login's file in GOOGLE_APPLICATION_CREDENTIALS. Without gcloud: https://cloud.google.com/sdk/docs/install`;
}
