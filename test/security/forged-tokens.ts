/** The corpus of bad credentials: each must be answered 401, before anything is read or written. */

import { type Forgery, type ForgeryContext, goodToken } from './forge.ts';
import { forgedClaims } from './forged-claims.ts';
import { forgedEncodings } from './forged-encodings.ts';
import { forgedHeaders } from './forged-headers.ts';

export type { Forgery, ForgeryContext } from './forge.ts';
export { goodToken } from './forge.ts';

/** All attacks on an endpoint that expects what `context` says, with an e-mail that is one exact address. */
export function forgedTokens(context: ForgeryContext): Forgery[] {
  const tokens = [...forgedHeaders(context), ...forgedClaims(context), ...forgedEncodings(context)];
  return [...tokens.map(([name, token]) => ({ name, token, authorization: carried(token) })), ...forgedAuthorizations(context)];
}

/** Good tokens, presented in a way that leaves open who is calling. */
function forgedAuthorizations(context: ForgeryContext): Forgery[] {
  const good = goodToken(context);
  const rows: [string, string[]][] = [
    ['no Authorization header', []],
    ['an empty one', ['']],
    ['two, the first good', [`Bearer ${good}`, 'Bearer x.y.z']],
    ['two, the second good', ['Bearer x.y.z', `Bearer ${good}`]],
    ['two equal good ones', [`Bearer ${good}`, `Bearer ${good}`]],
    ['two in one line', [`Bearer ${good}, Bearer ${good}`]],
    ['no scheme', [good]],
    ['no token', ['Bearer']],
    ['scheme Basic', [`Basic ${Buffer.from(`user:${good}`).toString('base64')}`]],
    ['scheme DPoP', [`DPoP ${good}`]],
    ['scheme Token', [`Token ${good}`]],
    ['scheme Bearers', [`Bearers ${good}`]],
    ['scheme twice', [`Bearer Bearer ${good}`]],
    ['two spaces', [`Bearer  ${good}`]],
    ['a tab', [`Bearer\t${good}`]],
    ['a colon', [`Bearer: ${good}`]],
    ['quotes', [`Bearer "${good}"`]],
    ['a parameter', [`Bearer token=${good}`]],
    ['something behind', [`Bearer ${good} x`]],
  ];
  return rows.map(([name, authorization]) => ({ name: `Authorization: ${name}`, authorization }));
}

/** Left out where HTTP cannot carry the token, or strips what is wrong with it. */
function carried(token: string): string[] | undefined {
  const bytes = Buffer.from(token).toString('latin1');
  return bytes.length > 12_000 || bytes.endsWith(' ') || /[^\t\x20-\x7e\x80-\xff]/.test(bytes) ? undefined : [`Bearer ${bytes}`];
}
