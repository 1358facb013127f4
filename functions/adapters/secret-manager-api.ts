/** Secret Manager's REST API: Google's own client for it would weigh more than everything else that reads a secret. */

import type { AuthClient, GoogleAuth } from 'google-auth-library';
import { Problem } from '../core/errors.ts';

export interface ApiCall {
  readonly method?: 'GET' | 'POST' | 'PATCH';
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/**
 * What a call answered: its JSON, or why it was refused, by Google's own name of the reason.
 *
 * Source: Google Cloud, "Errors", `google.rpc.Code`.
 */
export type ApiAnswer =
  | { readonly refused?: undefined; readonly json: unknown }
  | { readonly refused: 'NOT_FOUND' | 'ALREADY_EXISTS' | 'FAILED_PRECONDITION' | 'PERMISSION_DENIED' };

export type Api = (path: string, call?: ApiCall) => Promise<ApiAnswer>;

const REFUSALS: readonly unknown[] = ['NOT_FOUND', 'ALREADY_EXISTS', 'FAILED_PRECONDITION', 'PERMISSION_DENIED'];
const BASE = 'https://secretmanager.googleapis.com';
const SCOPE = 'https://www.googleapis.com/auth/cloud-platform';
/** Of one try. An answer takes about 50 ms. */
const TRY_MS = 4_000;
/** Milliseconds; reads alone are repeated. */
const RETRIES = { retry: 2, retryDelay: 100, noResponseRetries: 2 };

/**
 * Calls under `/v1/`, as the account that the process runs as; at `emulatorHost` (host:port) without credentials. Any other
 * failure is `Problem` `secrets_unavailable`.
 */
export function secretManagerApi(projectId: string, emulatorHost?: string): Api {
  let opening: Promise<GoogleAuth | AuthClient> | undefined;
  const base = emulatorHost ? `http://${emulatorHost}` : BASE;

  return async (path, { method = 'GET', query, body } = {}) => {
    opening ??= open(projectId, emulatorHost !== undefined);
    const url = `${base}/v1/${path}`;
    try {
      const client = await opening;
      const { data } = await client.request({ url, method, params: query, data: body, timeout: TRY_MS, retryConfig: RETRIES });
      return { json: data };
    } catch (cause) {
      const reason = reasonOf(cause);
      if (REFUSALS.includes(reason)) return { refused: reason } as ApiAnswer;
      throw new Problem(503, 'secrets_unavailable', 'Secret Manager did not answer as it should.', { cause });
    }
  };
}

/** The project is given, since the library would ask the metadata server for it first. */
async function open(projectId: string, withoutCredentials: boolean): Promise<GoogleAuth | AuthClient> {
  const { GoogleAuth, PassThroughClient } = await import('google-auth-library');
  return withoutCredentials ? new PassThroughClient() : new GoogleAuth({ projectId, scopes: SCOPE });
}

/** `{"error": {"code", "message", "status"}}`, as the library hands it on. */
function reasonOf(error: unknown): unknown {
  const { response } = error as { response?: { data?: { error?: { status?: unknown } } } };
  return response?.data?.error?.status;
}
