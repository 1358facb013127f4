/**
 * What Heliograph signs for itself: messages (so that a receiver may trust them without reading), outcome tokens (so that only
 * the claimant closes a task) and the timeline's chain. One secret, a key per purpose (HKDF, RFC 5869), HMAC-SHA-256.
 */

import { createHmac, createSecretKey, hkdfSync, type KeyObject, timingSafeEqual } from 'node:crypto';
import { hashedId } from './hashed-id.ts';
import type { ChainHead, TimelineEntry } from './task.ts';

export interface Signing {
  /** A signature over a message's bytes. */
  message(data: string | Buffer): string;
  messageValid(data: string | Buffer, signature: string | undefined): boolean;
  /** Proof of having claimed `epoch` of a task. It names the agent, so that it can be checked before anything is read. */
  outcomeToken(taskId: string, agent: string, epoch: number): string;
  outcomeTokenValid(token: string, taskId: string, epoch: number): boolean;
  /** A signature over a backup's manifest. */
  manifest(data: Buffer): string;
  manifestValid(data: Buffer, signature: string): boolean;
  /** A signature over a seal of the audit chains, or over a day's root. */
  seal(data: string): string;
  sealValid(data: string, signature: string): boolean;
  /** The hash of an entry, given the hash of the one before it (empty for the first). */
  chain(previous: string, entry: Readonly<Record<string, unknown>>): string;
}

/** Derives the keys from the secret `signing-key` (at least 32 random bytes, as text). */
export function signingFrom(secret: string): Signing {
  const keyFor = (purpose: string) => createSecretKey(Buffer.from(hkdfSync('sha256', secret, '', `heliograph ${purpose}`, 32)));
  const keys = {
    message: keyFor('message'),
    outcome: keyFor('outcome'),
    chain: keyFor('timeline'),
    manifest: keyFor('manifest'),
    seal: keyFor('seal'),
  };
  const message = (data: string | Buffer) => hmac(keys.message, data);
  const manifest = (data: Buffer) => hmac(keys.manifest, data);
  const outcomeToken = (taskId: string, agent: string, epoch: number) =>
    `${agent}.${hmac(keys.outcome, JSON.stringify([taskId, agent, epoch]))}`;
  return {
    message,
    messageValid: (data, signature) => signature !== undefined && equal(message(data), signature),
    outcomeToken,
    outcomeTokenValid: (token, taskId, epoch) => equal(outcomeToken(taskId, token.slice(0, token.lastIndexOf('.')), epoch), token),
    manifest,
    manifestValid: (data, signature) => equal(manifest(data), signature),
    seal: (data) => hmac(keys.seal, data),
    sealValid: (data, signature) => equal(hmac(keys.seal, data), signature),
    chain: (previous, entry) => hmac(keys.chain, `${previous}\n${JSON.stringify(entry)}`),
  };
}

/** An entry chained behind `chain`, and where the chain then stands. */
export function chained(
  signing: Signing,
  chain: ChainHead,
  entry: Omit<TimelineEntry, 'hash'>,
): { entry: TimelineEntry; chain: ChainHead } {
  const { hash: _, ...unsigned } = entry as TimelineEntry;
  const hash = signing.chain(chain.head, unsigned);
  return { entry: { ...unsigned, hash } as TimelineEntry, chain: { ...chain, head: hash, count: chain.count + 1 } };
}

/**
 * What stands in the place of a hash before the first entry of a task's timeline: a timeline put in the place of another task's
 * does not follow from it. (Entries about anything else name whom they are about.)
 */
export const timelineStart = (tenant: string, taskId: string): string => hashedId('timeline', tenant, taskId);

/** The index of the first entry whose hash does not follow from the one before, or -1. `previous` is the head before the first. */
export function brokenLink(signing: Signing, timeline: readonly TimelineEntry[], previous = ''): number {
  let head = previous;
  return timeline.findIndex(({ hash, ...entry }) => {
    const expected = signing.chain(head, entry);
    head = hash;
    return !equal(expected, hash);
  });
}

/** A key object, since a plain buffer is made into one at every call, which costs more than the hash. */
const hmac = (key: KeyObject, data: string | Buffer): string => createHmac('sha256', key).update(data).digest('base64url');

function equal(expected: string, given: string): boolean {
  const a = Buffer.from(expected);
  const b = Buffer.from(given);
  return a.length === b.length && timingSafeEqual(a, b);
}
