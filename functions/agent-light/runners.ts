/** Which handlers run the tasks of an agent: the built-in ones, or what its registration says. */

import { type DefinedAgent, defineAgent, type Handler } from '../core/agent/define-agent.ts';
import { centsFromMicros } from '../core/budgets/money.ts';
import type { Agent, LightHandler } from '../core/registry/agents.ts';
import type { Runtime } from '../core/runtime.ts';
import { echo } from './echo.ts';
import { relay } from './relay.ts';

/** Gives what runs an agent's tasks here; nothing for one that has a subscription of its own. */
export function runners(runtime: Runtime): (agent: Agent) => DefinedAgent | undefined {
  const digest: Handler = async (...given) => (await import('./text-digest.ts')).textDigest(runtime)(...given);
  const handlers: Readonly<Record<LightHandler, Handler>> = { echo, 'text.digest': digest };

  return (agent) => {
    const { name, handling, direct } = agent;
    if (direct) return undefined;
    switch (handling.type) {
      case 'builtin':
        if (handling.handler === undefined) return defineAgent({ ...termsOf(agent), handlers });
        return withOne(agent, handlers[handling.handler]);
      case 'http':
        return withOne(agent, relay(runtime, { name, ...handling }));
      case 'intent':
        return withOne(agent, async (...given) => (await import('./run-intent.ts')).runIntent(runtime, handling.intent)(...given));
      case 'mock':
        return withOne(agent, 'result' in handling ? () => handling.result : echo);
    }
  };
}

/** Its payload is its own: a field `handler` in it names nothing of ours. */
const withOne = (agent: Agent, handler: Handler): DefinedAgent => ({
  ...defineAgent({ ...termsOf(agent), handlers: { handler } }),
  handlerFor: () => handler,
});

const termsOf = ({ name, priceMicros, timeLimitMs }: Agent) => ({
  name,
  priceCents: centsFromMicros(priceMicros),
  timeLimitSeconds: timeLimitMs / 1000,
});
