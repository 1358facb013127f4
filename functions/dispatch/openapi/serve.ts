/**
 * `GET /openapi.json`, `/openapi.actions.json` and `/docs`. They need no credentials: they hold what the source says, the same for
 * everybody, and nothing of a tenant, a setting or a secret; importers, ChatGPT's among them, read them without any.
 */

import { createHash } from 'node:crypto';
import type { Response } from 'router';
import { functionUrl } from '../../core/addresses.ts';
import { Problem } from '../../core/errors.ts';
import { send } from '../../core/http.ts';
import type { Runtime } from '../../core/runtime.ts';
import { openApi } from './document.ts';

/** A new version is seen soon. */
const COMMON = { 'cache-control': 'public, max-age=300', 'x-content-type-options': 'nosniff' };

/** The whole API. Written once: whoever asks has proved nothing, and is not to cost much. */
export async function sendOpenApi(response: Response): Promise<void> {
  whole ??= openApi().then((document) => Buffer.from(JSON.stringify(document)));
  const bytes = await whole;
  response.writeHead(200, { ...COMMON, 'content-type': 'application/json; charset=utf-8', 'content-length': bytes.length });
  response.end(bytes);
}

let whole: Promise<Buffer> | undefined;

/** What ChatGPT Actions imports. Throws `Problem` 404 `address_unknown`. */
export async function sendActions({ settings }: Pick<Runtime, 'settings'>, response: Response): Promise<void> {
  const address = publicAddress(settings);
  const { actionsDocument } = await import('./actions.ts');
  send(response, 200, actionsDocument(await openApi(), address), COMMON);
}

/** The same as a page, which loads nothing and runs nothing. */
export async function sendDocs(response: Response): Promise<void> {
  page ??= makePage();
  const { html, policy } = await page;
  response.writeHead(200, {
    ...COMMON,
    'content-type': 'text/html; charset=utf-8',
    'content-length': html.length,
    'content-security-policy': policy,
    'referrer-policy': 'no-referrer',
  });
  response.end(html);
}

let page: ReturnType<typeof makePage> | undefined;

async function makePage() {
  const [{ docsPage }, { STYLE }, document] = await Promise.all([import('./page.ts'), import('./style.ts'), openApi()]);
  const hash = createHash('sha256').update(STYLE).digest('base64');
  const policy = `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;
  return { html: Buffer.from(docsPage(document, STYLE)), policy };
}

/** The function's own address by the settings: whoever asks could write any `Host`, and be sent where he likes. */
function publicAddress(settings: Runtime['settings']): string {
  if (settings.functionUrls.dispatch === undefined && settings.projectNumber === '0') {
    const message = 'Nobody has said where this function is reached: set projectNumber, or functionUrls with its address.';
    throw new Problem(404, 'address_unknown', message);
  }
  return functionUrl(settings, 'dispatch');
}
