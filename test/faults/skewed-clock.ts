/**
 * Preloaded into a function's process (`node --import`): the machine's clock is off by `TEST_CLOCK_SKEW_MS`, for everything that
 * asks it, as it would be on a host whose clock is wrong.
 */

const skewMs = Number(process.env.TEST_CLOCK_SKEW_MS);
const Right = Date;
const now = (): number => Right.now() + skewMs;

class Skewed extends Right {
  constructor(...parts: unknown[]) {
    if (parts.length === 0) super(now());
    else super(...(parts as [number]));
  }
  static override now(): number {
    return now();
  }
}

globalThis.Date = Skewed as DateConstructor;
