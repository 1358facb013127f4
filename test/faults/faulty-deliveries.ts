import type { Delivery, Subscriptions } from '../../functions/core/ports.ts';

/** What a broker does to messages on a bad day; may be changed while it runs. */
export interface DeliveryFaults {
  /** Whose deliveries. */
  of: (subscription: string) => boolean;
  /** How often each delivery comes: the copies some at once, some a while after the first was acknowledged. */
  copies: number;
  /** Each delivery is held back for up to so long, so that they overtake each other. */
  shuffleMs: number;
  /** This share of the deliveries comes so much later. */
  late: { share: number; ms: number };
  /** This share of the acknowledgements is lost: the message comes again, and that counts as an attempt. */
  lostAcks: number;
  /** How often one of them has struck. */
  struck: number;
  /** How many deliveries and answers are held back now. */
  held: number;
}

export const noDeliveryFaults = { of: () => true, copies: 1, shuffleMs: 0, late: { share: 0, ms: 0 }, lostAcks: 0 } as const;

export const isDeadLetters = (subscription: string): boolean => subscription.startsWith('sub-dead-');

/** Held messages must not keep the others back. */
const MOST_HELD = 4_000;
/** What stands for the acknowledgement deadline after which a broker delivers again. */
const DEADLINE_MS = 300;
/** When the copies of a delivery come, after the first. */
const COPIES_AFTER_MS = [0, 10, 400, 2_500] as const;

/** The same broker with these faults: whatever it does to a message, sooner or later one delivery's answer counts. */
export function faultyDeliveries(inner: Subscriptions, faults: DeliveryFaults): Subscriptions {
  const struck = (share: number): boolean => {
    const strikes = Math.random() < share;
    if (strikes) faults.struck += 1;
    return strikes;
  };
  return {
    pull(name, maxOutstanding, onDelivery) {
      const timers = new Set<NodeJS.Timeout>();
      const after = (ms: number, run: () => void): void => {
        if (ms <= 0) {
          run();
          return;
        }
        const timer = setTimeout(() => {
          timers.delete(timer);
          faults.held -= 1;
          run();
        }, ms);
        timers.add(timer);
        faults.held += 1;
      };

      const stop = inner.pull(name, Math.max(maxOutstanding, MOST_HELD), (delivery) => {
        if (!faults.of(name)) {
          onDelivery(delivery);
          return;
        }
        let copies = faults.copies;
        let acknowledged = false;
        const answered = (good: boolean): void => {
          copies -= 1;
          if (acknowledged) return;
          if (good) {
            acknowledged = true;
            if (struck(faults.lostAcks)) after(DEADLINE_MS, delivery.nack);
            else delivery.ack();
          } else if (copies === 0) delivery.nack();
        };
        const late = struck(faults.late.share) ? faults.late.ms : 0;
        faults.struck += copies - 1;
        for (let copy = 0, all = copies; copy < all; copy++) {
          const behind = copy === 0 ? 0 : (COPIES_AFTER_MS[(copy - 1) % COPIES_AFTER_MS.length] as number);
          after(late + behind + Math.random() * faults.shuffleMs, () => onDelivery(once(delivery, answered)));
        }
      });

      return async () => {
        for (const timer of timers) clearTimeout(timer);
        faults.held -= timers.size;
        await stop();
      };
    },
  };
}

function once(delivery: Delivery, answered: (good: boolean) => void): Delivery {
  let open = true;
  const answer = (good: boolean) => () => {
    if (open) answered(good);
    open = false;
  };
  return { ...delivery, ack: answer(true), nack: answer(false) };
}
