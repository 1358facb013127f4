/** Quarantine: messages that can never be processed are kept with the reason and acknowledged, never looped. */

import { hashedId } from './hashed-id.ts';
import { PreconditionFailed } from './ports.ts';
import type { Flaw, PushMessage } from './push-gate.ts';
import type { Runtime } from './runtime.ts';
import { SHARDS } from './store.ts';

const MAX_KEPT_BYTES = 262_144;

/** Keeps a message with its flaw, once per message and subscription; data above 256 KiB is cut. */
export async function quarantine(
  runtime: Pick<Runtime, 'documents' | 'clock' | 'settings' | 'log'>,
  message: PushMessage,
  flaw: Flaw,
): Promise<void> {
  const now = runtime.clock.now();
  const id = hashedId(message.subscription, message.messageId, message.messageId ? '' : message.data.toString('base64'));
  const data = {
    ...flaw,
    messageId: message.messageId,
    subscription: message.subscription,
    attributes: message.attributes,
    data: message.data.subarray(0, MAX_KEPT_BYTES).toString('base64'),
    bytes: message.data.length,
    shard: Number.parseInt(id.slice(0, 2), 16) % SHARDS,
    createdAt: now,
    expireAt: now + runtime.settings.times.retentionMs,
  };
  runtime.log.warn(
    { messageId: message.messageId, subscription: message.subscription, code: flaw.code, reason: flaw.reason },
    'A message was quarantined.',
  );
  try {
    await runtime.documents.commit([{ kind: 'create', collection: 'quarantine', id, data }]);
  } catch (error) {
    if (!(error instanceof PreconditionFailed)) throw error;
  }
}
