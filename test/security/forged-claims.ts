/** Tokens that the issuer really signed and that prove nothing here: for others, of others, too old, too long, ambiguous. */

import { type ForgeryContext, goodClaims, goodToken, type Row, signed } from './forge.ts';

export function forgedClaims(context: ForgeryContext): Row[] {
  const { issuer, audience, email } = context;
  const now = Math.floor(context.nowMs / 1000);
  const wrong: Readonly<Record<string, readonly unknown[]>> = {
    iss: [
      ...spellings(issuer),
      [issuer],
      issuer.replace(/^https?:\/\//, ''),
      issuer.replace(/^http/, 'ftp'),
      `${issuer}.attacker.example`,
    ],
    aud: [
      ...spellings(audience),
      [audience],
      [audience, 'other'],
      [],
      audience.replace(/\/[^/]*$/, ''),
      `${audience}?x=1`,
      `${audience}#x`,
    ],
    email: [
      ...spellings(email),
      [email],
      email.replace('@', '@attacker.'),
      email.replace('@', '+x@'),
      email.replace('@', '@@'),
      `${email}.attacker.example`,
      `attacker@attacker.example,${email}`,
      `"${email}" <attacker@attacker.example>`,
      email.replace(/[aeio]/, (letter) => ({ a: 'а', e: 'е', i: 'і', o: 'о' })[letter] as string),
      email.replace('@', '＠'),
      'attacker@attacker.example',
    ],
    email_verified: [undefined, null, false, 'true', 'false', 1, 0, [true], {}, 'TRUE'],
    sub: [undefined, null, '', 1080, ['1080'], 'x'.repeat(256)],
    exp: [
      undefined,
      null,
      '',
      String(now + 600),
      now + 600.5,
      now - 31,
      now - 3600,
      -1,
      0,
      1e15,
      1e18,
      1e300,
      [now + 600],
      true,
      context.nowMs,
    ],
    iat: [undefined, null, '', String(now), now - 0.5, now + 31, now + 3541, -1, 0, -1e15, [now], context.nowMs],
    nbf: [null, '', String(now), now - 0.5, now + 31, now + 3600, -1, [now], 1e300, false],
  };
  return [
    ...Object.entries(wrong).flatMap(([claim, values]) =>
      values.map((value): Row => [`${claim} ${shown(value)}`, signed(context, {}, { [claim]: value })]),
    ),
    ...combined(context, now),
    ...texts(context, now),
  ];
}

/** What a careless comparison takes for the same string. */
function spellings(text: string): unknown[] {
  const inside = Math.floor(text.length / 2);
  return [
    undefined,
    null,
    '',
    0,
    true,
    { toString: text },
    text.toUpperCase(),
    `${text}/`,
    `${text} `,
    ` ${text}`,
    `${text}\u0000`,
    `${text}\n`,
    `${text}.`,
    `${text}x`,
    `x${text}`,
    text.slice(0, -1),
    `${text.slice(0, inside)}\u200b${text.slice(inside)}`,
  ];
}

function combined(context: ForgeryContext, now: number): Row[] {
  const { audience, email } = context;
  const rows: [string, object][] = [
    ['lifetime of an hour and a second', { iat: now - 1, exp: now + 3600 }],
    ['lifetime of a day', { iat: now, exp: now + 86_400 }],
    ['lifetime of a year that began long ago', { iat: now - 31_536_000, exp: now + 600 }],
    ['lifetime of nothing', { iat: now, exp: now }],
    ['ends before it begins', { iat: now + 20, exp: now + 10 }],
    ['times in milliseconds', { iat: context.nowMs, exp: context.nowMs + 3_600_000 }],
    ['right azp, wrong aud', { aud: 'https://other.example', azp: audience }],
    ['e-mail as the subject only', { email: undefined, sub: email }],
    ['verified_email instead of email_verified', { email_verified: undefined, verified_email: true }],
    ['no claims but times', { aud: undefined, email: undefined, iss: undefined, sub: undefined }],
    ['an access token', { scope: 'openid email', aud: undefined, client_id: audience }],
  ];
  return rows.map(([name, claims]) => [name, signed(context, {}, claims)]);
}

function texts(context: ForgeryContext, now: number): Row[] {
  const good = JSON.stringify(goodClaims(context));
  const twice = (name: string, value: unknown) => `{"${name}":${JSON.stringify(value)},${good.slice(1)}`;
  const rows: [string, string | Buffer][] = [
    ['two aud, the last good', twice('aud', 'https://other.example')],
    ['two aud, the first good', `${good.slice(0, -1)},"aud":"https://other.example"}`],
    ['two e-mails, the last good', twice('email', 'attacker@attacker.example')],
    ['two exp, one past', twice('exp', now - 3600)],
    ['two exp, one escaped', twice('\\u0065xp', now - 3600)],
    ['two email_verified', twice('email_verified', false)],
    ['a name twice further in', `${good.slice(0, -1)},"google":{"a":1,"a":2}}`],
    ['exp that is infinite', good.replace(/"exp":\d+/, '"exp":1e999')],
    ['exp in scientific notation with a fraction', good.replace(/"exp":(\d+)/, '"exp":$1.25e0')],
    ['claims inherited', `{"__proto__":${good}}`],
    ['claims in an array', `[${good}]`],
    ['claims in a string', JSON.stringify(good)],
    ['null', 'null'],
    ['a number', '1'],
    ['an empty object', '{}'],
    ['no JSON', 'email=attacker'],
    ['a byte order mark', `\ufeff${good}`],
    ['bytes behind the end', `${good}\u0000`],
    ['a trailing comma', `${good.slice(0, -1)},}`],
    ['bytes that are no UTF-8', Buffer.from(`${good.slice(0, -1)},"x":"\xff"}`, 'latin1')],
    ['an overlong UTF-8 letter', Buffer.from(`${good.slice(0, -1)},"x":"\xc1\xa1"}`, 'latin1')],
    ['another good token inside', goodToken(context)],
    ['another good token inside, as JSON', JSON.stringify(goodToken(context))],
    ['far too long', `${good.slice(0, -1)},"x":"${'x'.repeat(8192)}"}`],
  ];
  return rows.map(([name, text]) => [`claims: ${name}`, signed(context, {}, text)]);
}

const shown = (value: unknown): string => JSON.stringify(value)?.slice(0, 120) ?? 'missing';
