/**
 * `codex`: the second example, made as a user's own agent is: with the kit alone, its own subscription and its own account,
 * which claims over HTTPS and reaches no database.
 */

import { defineAgent } from '../core/agent/define-agent.ts';
import type { KitRuntime } from '../core/agent/kit-room.ts';
import { kitRoom } from '../core/agent/kit-room.ts';
import type { Room } from '../core/runtime.ts';
import { outline } from './outline.ts';

export function codex(runtime: KitRuntime): Room {
  const { agentCostPerRunCents } = runtime.settings;
  return kitRoom(
    runtime,
    defineAgent({ name: 'codex', priceCents: agentCostPerRunCents, handlers: { outline: outline(runtime) } }),
  );
}
