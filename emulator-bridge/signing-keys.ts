/** The issuer's RSA keys: made once, kept in the data folder, so that a token outlives a restart. */

import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CryptoKey, exportJWK, generateKeyPair, importJWK, type JWK } from 'jose';

/** `current` signs; `publicKeys` are what the JWKS document shows, newest first. */
export interface SigningKeys {
  current(): { readonly kid: string; readonly key: CryptoKey };
  publicKeys(): JWK[];
  /** A new key signs from now on; the one before it stays published, so that tokens in flight keep verifying. */
  rotate(): Promise<void>;
  /** The port of the last run: the issuer's name is its URL, so the same port keeps old tokens good. */
  readonly port: number;
  rememberPort(port: number): Promise<void>;
}

/** What the file holds: private keys as JWK, newest first. */
interface KeyFile {
  port: number;
  keys: JWK[];
}

const KEPT = 2;

/** Opens or makes the keys in `<folder>/issuer.json` (mode 0600); without a folder they live in memory. */
export async function openSigningKeys(folder: string | undefined): Promise<SigningKeys> {
  const path = folder === undefined ? undefined : join(folder, 'issuer.json');
  const stored = path === undefined ? undefined : await readKeyFile(path);
  const file: KeyFile = stored ?? { port: 0, keys: [await newKey()] };
  if (stored === undefined) await save();
  let key = await importKey(file.keys[0]);

  async function save(): Promise<void> {
    if (path === undefined || folder === undefined) return;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    // A half-written file would lose every key, so the new one replaces the old in one step.
    const draft = `${path}.${process.pid}`;
    await writeFile(draft, JSON.stringify(file), { mode: 0o600 });
    await chmod(draft, 0o600);
    await rename(draft, path);
  }

  return {
    current: () => ({ kid: file.keys[0]?.kid as string, key }),
    publicKeys: () => file.keys.map(({ kid, n, e }) => ({ kty: 'RSA', alg: 'RS256', use: 'sig', kid, n, e })),
    async rotate() {
      file.keys = [await newKey(), ...file.keys].slice(0, KEPT);
      await save();
      key = await importKey(file.keys[0]);
    },
    get port() {
      return file.port;
    },
    async rememberPort(port) {
      if (file.port === port) return;
      file.port = port;
      await save();
    },
  };
}

async function readKeyFile(path: string): Promise<KeyFile | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return JSON.parse(text) as KeyFile;
}

async function newKey(): Promise<JWK> {
  const { privateKey } = await generateKeyPair('RS256', { modulusLength: 2048, extractable: true });
  return { ...(await exportJWK(privateKey)), kid: randomBytes(20).toString('hex') };
}

async function importKey(jwk: JWK | undefined): Promise<CryptoKey> {
  return (await importJWK(jwk as JWK, 'RS256')) as CryptoKey;
}
