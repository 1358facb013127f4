/** Responses that leave this process when what they tell is on disk. */

import { type IncomingMessage, ServerResponse } from 'node:http';

/** Calls back when everything that was written so far is on disk, or with the reason why it never will be. */
export type WhenDurable = (done: (failure: Error | undefined) => void) => void;

/** What Node's `createServer` makes responses with. */
export type ResponseClass = typeof ServerResponse<InstanceType<typeof IncomingMessage>>;

/**
 * A class of responses for Node's `createServer`. Every byte waits for `whenDurable`, in order; where that fails the connection is
 * cut, since neither a success nor a refusal would be true.
 */
export function heldResponses(whenDurable: WhenDurable): ResponseClass {
  class HeldResponse extends ServerResponse<IncomingMessage> {
    #ending = false;

    #held(send: () => void): void {
      whenDurable((failure) => {
        if (failure === undefined) send();
        else this.destroy();
      });
    }

    override flushHeaders(): void {
      this.#held(() => super.flushHeaders());
    }

    override write(chunk: unknown, ...more: unknown[]): boolean {
      // Node knows of the end only when it is no longer held, so its own check would come too late.
      if (!this.#ending) this.#held(() => super.write(chunk, ...(more as [])));
      return !this.#ending;
    }

    override end(...parts: unknown[]): this {
      if (!this.#ending) this.#held(() => super.end(...(parts as [])));
      this.#ending = true;
      return this;
    }
  }
  return HeldResponse as ResponseClass;
}
