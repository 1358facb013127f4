import { Problem } from '../core/errors.ts';
import { type Signing, signingFrom } from '../core/signing.ts';

export interface LateSigning {
  /** Throws `Problem` 503 `not_ready` before its key is there. */
  readonly signing: Signing;
  /** Reads the key, once; after a failure the next call tries again. */
  ready(): Promise<void>;
}

/** Signing whose key is read when it is first needed: what only answers whether it lives needs none. */
export function lateSigning(read: () => Promise<string>): LateSigning {
  let made: Signing | undefined;
  let reading: Promise<void> | undefined;
  const own = (): Signing => {
    if (made === undefined) throw new Problem(503, 'not_ready', 'The signing key has not been read yet.');
    return made;
  };
  const readKey = async (): Promise<void> => {
    try {
      made = signingFrom(await read());
    } catch (error) {
      reading = undefined;
      throw error;
    }
  };
  return {
    signing: {
      message: (data) => own().message(data),
      messageValid: (data, signature) => own().messageValid(data, signature),
      outcomeToken: (taskId, agent, epoch) => own().outcomeToken(taskId, agent, epoch),
      outcomeTokenValid: (token, taskId, epoch) => own().outcomeTokenValid(token, taskId, epoch),
      manifest: (data) => own().manifest(data),
      manifestValid: (data, signature) => own().manifestValid(data, signature),
      seal: (data) => own().seal(data),
      sealValid: (data, signature) => own().sealValid(data, signature),
      chain: (previous, entry) => own().chain(previous, entry),
    },
    ready() {
      reading ??= readKey();
      return reading;
    },
  };
}
