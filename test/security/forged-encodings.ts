/** A good token written otherwise, or with a signature that is nearly one. */

import { constants, createHash, type KeyObject, privateEncrypt, randomBytes } from 'node:crypto';
import { encode, type ForgeryContext, goodToken, type Row, signed } from './forge.ts';

export function forgedEncodings(context: ForgeryContext): Row[] {
  const good = goodToken(context);
  const [header, payload, signature] = good.split('.') as [string, string, string];
  return [...otherForms(good, header, payload, signature), ...otherSignatures(context, header, payload, signature)];
}

function otherForms(good: string, header: string, payload: string, signature: string): Row[] {
  const jwe = encode({ alg: 'RSA-OAEP', enc: 'A256GCM', cty: 'JWT' });
  const random = (bytes: number) => randomBytes(bytes).toString('base64url');
  return [
    ['nothing', ''],
    ['one part', header],
    ['two parts', `${header}.${payload}`],
    ['two parts and a dot', `${header}.${payload}.`],
    ['four parts', `${good}.${signature}`],
    ['a dot in front', `.${good}`],
    ['a dot behind', `${good}.`],
    ['no header', `.${payload}.${signature}`],
    ['no payload', `${header}..${signature}`],
    ['only dots', '..'],
    ['a space in front', ` ${good}`],
    ['a space behind', `${good} `],
    ['a line end behind', `${good}\n`],
    ['a space inside', `${header}. ${payload}.${signature}`],
    ['a tab inside', `${header}.${payload}\t.${signature}`],
    ['a folded line', `${header}.${payload}.${signature.slice(0, 64)}\r\n ${signature.slice(64)}`],
    ['a NUL behind', `${good}\u0000`],
    ['a zero-width space inside', `${header}.\u200b${payload}.${signature}`],
    ['a full-width dot', `${header}．${payload}.${signature}`],
    ['percent-encoded dots', good.replaceAll('.', '%2E')],
    ['commas for dots', good.replaceAll('.', ',')],
    ['padded header', `${header}=.${payload}.${signature}`],
    ['padded payload', `${header}.${payload}==.${signature}`],
    ['padded signature', `${good}==`],
    ['a character that base64 ignores', `${header}.${payload}.${signature.slice(0, 9)}!${signature.slice(9)}`],
    ['a line end that base64 ignores', `${header}.${payload}.${signature.slice(0, 9)}\n${signature.slice(9)}`],
    [
      'the ordinary base64 alphabet',
      `${header}.${payload}.${`${signature.slice(0, -4)}-_-_`.replaceAll('-', '+').replaceAll('_', '/')}`,
    ],
    ['stray bits at the end of the signature', `${good.slice(0, -1)}${nextLetter(good)}`],
    ['letters behind', `${good}AA`],
    [
      'hexadecimal',
      good
        .split('.')
        .map((part) => Buffer.from(part, 'base64url').toString('hex'))
        .join('.'),
    ],
    ['encoded twice', encode(good)],
    ['upper case', good.toUpperCase()],
    ['twice', `${good},${good}`],
    ['JSON, flattened', JSON.stringify({ protected: header, payload, signature })],
    ['JSON, general', JSON.stringify({ payload, signatures: [{ protected: header, signature }] })],
    ['five parts, encrypted', [jwe, random(256), random(12), payload, random(16)].join('.')],
    ['five parts of a good token', [header, payload, signature, header, payload].join('.')],
    ['undefined', 'undefined'],
    ['null', 'null'],
    ['an object', '[object Object]'],
    ['very long', `${'A'.repeat(100_000)}.${payload}.${signature}`],
  ];
}

function otherSignatures(context: ForgeryContext, header: string, payload: string, signature: string): Row[] {
  const input = `${header}.${payload}`;
  const bytes = Buffer.from(signature, 'base64url');
  const modulus = BigInt(`0x${Buffer.from(context.privateKey.export({ format: 'jwk' }).n as string, 'base64url').toString('hex')}`);
  const value = BigInt(`0x${bytes.toString('hex')}`);
  const [, otherPayload, otherSignature] = signed(context, {}, { email: 'attacker@attacker.example' }).split('.') as [
    string,
    string,
    string,
  ];
  const digest = createHash('sha256').update(input).digest();
  const rows: [string, Buffer][] = [
    ['one bit turned', Buffer.from(bytes.map((byte, index) => (index === 100 ? byte ^ 1 : byte)))],
    ['the last byte missing', bytes.subarray(0, -1)],
    ['the first byte missing', bytes.subarray(1)],
    ['half of it', bytes.subarray(0, 128)],
    ['one byte', bytes.subarray(0, 1)],
    ['a zero byte in front', Buffer.concat([Buffer.alloc(1), bytes])],
    ['a zero byte behind', Buffer.concat([bytes, Buffer.alloc(1)])],
    ['reversed', Buffer.from(bytes).reverse()],
    ['zeros', Buffer.alloc(256)],
    ['ones', Buffer.alloc(256, 0xff)],
    ['the number one', Buffer.concat([Buffer.alloc(255), Buffer.from([1])])],
    ['random', randomBytes(256)],
    ['plus the modulus', toBytes(value + modulus)],
    ['the modulus minus it', toBytes(modulus - value)],
    ['the modulus', toBytes(modulus)],
    ['the digest itself', digest],
    [
      'raw: no digest information',
      raw(context.privateKey, Buffer.concat([Buffer.from([0, 1]), Buffer.alloc(221, 0xff), Buffer.alloc(1), digest])),
    ],
    ['raw: garbage behind the digest (Bleichenbacher 2006)', raw(context.privateKey, shortPadded(digest, 8))],
    ['raw: no padding bytes', raw(context.privateKey, shortPadded(digest, 0))],
    [
      'raw: digest information without parameters',
      raw(context.privateKey, fullPadded(Buffer.from('302f300b0609608648016503040201', 'hex'), digest)),
    ],
  ];
  return [
    ...rows.map(([name, forged]): Row => [`signature: ${name}`, `${input}.${encode(forged)}`]),
    ['signature: removed by Cloud Run', `${input}.SIGNATURE_REMOVED_BY_GOOGLE`],
    ["another token's signature", `${input}.${otherSignature}`],
    ["another token's payload", `${header}.${otherPayload}.${signature}`],
  ];
}

const SHA256_INFO = Buffer.from('3031300d060960864801650304020105000420', 'hex');

/** A PKCS #1 v1.5 block with too little padding and garbage to fill it up. */
function shortPadded(digest: Buffer, padding: number): Buffer {
  const start = Buffer.concat([Buffer.from([0, 1]), Buffer.alloc(padding, 0xff), Buffer.alloc(1), SHA256_INFO, digest]);
  return Buffer.concat([start, randomBytes(256 - start.length)]);
}

function fullPadded(info: Buffer, digest: Buffer): Buffer {
  const end = Buffer.concat([Buffer.alloc(1), info, Buffer.from([4, 32]), digest]);
  return Buffer.concat([Buffer.from([0, 1]), Buffer.alloc(254 - end.length, 0xff), end]);
}

const raw = (key: KeyObject, block: Buffer): Buffer => privateEncrypt({ key, padding: constants.RSA_NO_PADDING }, block);

const toBytes = (value: bigint): Buffer =>
  Buffer.from(
    value
      .toString(16)
      .padStart(512, '0')
      .replace(/^(?=(..)*.$)/, '0'),
    'hex',
  );

/** 256 bytes end in a letter that carries two bits: the next one in the alphabet decodes to the same byte. */
function nextLetter(token: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return alphabet[alphabet.indexOf(token.at(-1) as string) + 1] as string;
}
