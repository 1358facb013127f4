import type { Handler } from '../core/agent/define-agent.ts';

/** Returns the payload as it came. */
export const echo: Handler = (payload) => ({ echo: payload });
