/** Tokens whose header lies: about the algorithm, the key, or how to read the rest (RFC 8725, section 2). */

import { constants, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { closed, encode, type ForgeryContext, goodToken, hmac, type Row, signed, signedBy } from './forge.ts';

const attacker = {
  rsa: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ec: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ed: generateKeyPairSync('ed25519'),
};
const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };

export function forgedHeaders(context: ForgeryContext): Row[] {
  return [...wrongAlgorithms(context), ...wrongKeys(context), ...wrongKeyIds(context), ...wrongReadings(context)];
}

function wrongAlgorithms(context: ForgeryContext): Row[] {
  const publicKey = createPublicKey(context.privateKey);
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const secrets: [string, string | Buffer][] = [
    ['the public key as PEM', pem],
    ['the public key as PEM without its last line end', pem.trimEnd()],
    ['the public key as PKCS #1 PEM', publicKey.export({ type: 'pkcs1', format: 'pem' })],
    ['the public key as DER', publicKey.export({ type: 'spki', format: 'der' })],
    ['the public key as JWK', JSON.stringify(publicKey.export({ format: 'jwk' }))],
    ['the modulus', publicKey.export({ format: 'jwk' }).n as string],
    ['nothing', ''],
  ];
  const [, , goodSignature] = goodToken(context).split('.') as [string, string, string];
  return [
    ...['none', 'None', 'NONE', 'nOnE'].flatMap((alg): Row[] => [
      [`alg ${alg}, no signature`, closed(context, { alg }, () => '')],
      [`alg ${alg}, some signature`, closed(context, { alg }, () => 'signature')],
      [`alg ${alg}, a good token's signature`, `${closed(context, { alg }, () => '')}${goodSignature}`],
    ]),
    ...secrets.map(([name, secret]): Row => [`HS256 with ${name} as the secret`, closed(context, { alg: 'HS256' }, hmac(secret))]),
    ['RS256 by name, HMAC in fact', closed(context, {}, hmac(pem))],
    ['RS384 by the issuer', closed(context, { alg: 'RS384' }, signedBy('sha384', context.privateKey))],
    ['RS512 by the issuer', closed(context, { alg: 'RS512' }, signedBy('sha512', context.privateKey))],
    ['PS256 by the issuer', closed(context, { alg: 'PS256' }, signedBy('sha256', { key: context.privateKey, ...pss }))],
    ['RS256 by name, PSS in fact', closed(context, {}, signedBy('sha256', { key: context.privateKey, ...pss }))],
    ['RS256 by name, SHA-1 in fact', closed(context, {}, signedBy('sha1', context.privateKey))],
    ['RS1 by the issuer', closed(context, { alg: 'RS1' }, signedBy('sha1', context.privateKey))],
    ...[undefined, null, '', 'rs256', 'RS256 ', ' RS256', 'RS256\u0000', 'RSA256', 256, ['RS256'], { RS256: true }, true].map(
      (alg): Row => [`alg ${JSON.stringify(alg)}`, signed(context, { alg }, {})],
    ),
  ];
}

function wrongKeys(context: ForgeryContext): Row[] {
  const { rsa, ec, ed } = attacker;
  const jwk = { ...rsa.publicKey.export({ format: 'jwk' }), kid: context.kid, use: 'sig', alg: 'RS256' };
  const der = rsa.publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
  const ecSignature = signedBy('sha256', { key: ec.privateKey, dsaEncoding: 'ieee-p1363' });
  const carried: [string, object][] = [
    ['jwk', { jwk }],
    ['jku', { jku: 'https://attacker.example/jwks.json' }],
    ['jku of the same host', { jku: `${context.issuer}@attacker.example/jwks.json` }],
    ['x5u', { x5u: 'https://attacker.example/cert.pem' }],
    ['x5c', { x5c: [der] }],
  ];
  return [
    ["RS256 by the attacker's key under the good kid", signed(context, {}, {}, rsa.privateKey)],
    ["RS256 by the attacker's key under its own kid", signed(context, { kid: 'attacker' }, {}, rsa.privateKey)],
    ["PS256 by the attacker's key", closed(context, { alg: 'PS256' }, signedBy('sha256', { key: rsa.privateKey, ...pss }))],
    ["ES256 by the attacker's key", closed(context, { alg: 'ES256' }, ecSignature)],
    ['ES256 of zeros (CVE-2022-21449)', closed(context, { alg: 'ES256' }, () => Buffer.alloc(64))],
    ["EdDSA by the attacker's key", closed(context, { alg: 'EdDSA' }, signedBy(null, ed.privateKey))],
    ...carried.flatMap(([name, members]): Row[] => [
      [`${name}, good kid, by the attacker's key`, signed(context, members, {}, rsa.privateKey)],
      [`${name}, no kid, by the attacker's key`, signed(context, { ...members, kid: undefined }, {}, rsa.privateKey)],
      [`${name}, by the issuer's own key`, signed(context, members, {})],
    ]),
  ];
}

function wrongKeyIds(context: ForgeryContext): Row[] {
  const { kid } = context;
  const kids: unknown[] = [
    undefined,
    null,
    '',
    0,
    true,
    [kid],
    { kid },
    `${kid} `,
    ` ${kid}`,
    `${kid}\u0000`,
    kid.slice(0, -1),
    `${kid}${kid}`,
  ];
  const injected = ['../../../../dev/null', '/dev/null', 'file:///dev/null', "' OR '1'='1", "x' UNION SELECT 'key'--", '| whoami'];
  const names = ['__proto__', 'constructor', 'toString', 'https://attacker.example/key', 'k'.repeat(5000)];
  return [
    ...[...kids, ...injected, ...names].map((value): Row => {
      const shown = JSON.stringify(value)?.slice(0, 40) ?? 'missing';
      return [`kid ${shown}`, signed(context, { kid: value }, {})];
    }),
    ['kid /dev/null, HS256 with nothing as the secret', closed(context, { alg: 'HS256', kid: '/dev/null' }, hmac(''))],
  ];
}

function wrongReadings(context: ForgeryContext): Row[] {
  const { kid } = context;
  const members: object[] = [
    { crit: ['exp'] },
    { crit: ['attacker'], attacker: true },
    { crit: [] },
    { crit: 'exp' },
    { crit: null },
    { crit: ['b64'], b64: false },
    { crit: ['b64'], b64: true },
    { b64: false },
    { b64: true },
    { zip: 'DEF' },
    { enc: 'A256GCM' },
    { cty: 'JWT' },
    ...['at+jwt', 'JWE', 'dpop+jwt', 'logout+jwt', 'application/jwt', 'JWT ', '', 1, null, ['JWT']].map((typ) => ({ typ })),
  ];
  const texts: [string, string | Buffer][] = [
    ['two alg, the last good', `{"alg":"none","alg":"RS256","kid":"${kid}"}`],
    ['two alg, the first good', `{"alg":"RS256","alg":"none","kid":"${kid}"}`],
    ['two equal alg', `{"alg":"RS256","alg":"RS256","kid":"${kid}"}`],
    ['two alg, one escaped', `{"\\u0061lg":"none","alg":"RS256","kid":"${kid}"}`],
    ['two kid', `{"alg":"RS256","kid":"attacker","kid":"${kid}"}`],
    ['alg inherited', `{"__proto__":{"alg":"RS256","kid":"${kid}"}}`],
    ['a comment', `{"alg":"RS256"/**/,"kid":"${kid}"}`],
    ['single quotes', `{'alg':'RS256','kid':'${kid}'}`],
    ['a byte order mark', `\ufeff{"alg":"RS256","kid":"${kid}"}`],
    ['bytes behind the end', `{"alg":"RS256","kid":"${kid}"}{}`],
    ['bytes that are no UTF-8', Buffer.from(`{"alg":"RS256","kid":"${kid}","x":"\xff"}`, 'latin1')],
    ['UTF-16', Buffer.from(`{"alg":"RS256","kid":"${kid}"}`, 'utf16le')],
    ['an array', `[{"alg":"RS256","kid":"${kid}"}]`],
    ['a string', '"RS256"'],
    ['null', 'null'],
    ['no JSON', 'alg=RS256'],
    ['deep nesting', `${'['.repeat(2000)}${']'.repeat(2000)}`],
  ];
  return [
    ...members.map((member): Row => [`header with ${JSON.stringify(member)}`, signed(context, member, {})]),
    ...texts.map(([name, text]): Row => [`header: ${name}`, signed(context, text, {})]),
    ['unencoded payload (RFC 7797)', unencoded(context)],
  ];
}

/** RFC 7797: the payload stands in the token as it is, dots and all. */
function unencoded(context: ForgeryContext): string {
  const header = encode({ alg: 'RS256', kid: context.kid, b64: false, crit: ['b64'] });
  const payload = '{"email_verified":true}';
  return `${header}.${payload}.${signedBy('sha256', context.privateKey)(`${header}.${payload}`).toString('base64url')}`;
}
