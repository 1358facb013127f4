/** A registered agent of the type `pubsub`: an HTTP server that believes only tokens of the account that pushes to agents. */

import { createRemoteJWKSet, jwtVerify } from 'jose';
import { accountEmail } from '../../functions/core/addresses.ts';
import { topology } from '../../functions/topology.ts';
import { type Answer, httpListener, type Listener } from './http-listener.ts';
import type { TestStack } from './stack.ts';

/** The run object, as it comes in Pub/Sub's envelope. */
export interface Run {
  readonly taskId: string;
  readonly agent: string;
  readonly payload: Record<string, unknown>;
  readonly epoch: number;
  readonly attempt: number;
  readonly idempotencyKey?: string;
  readonly outcomeToken?: string;
  readonly [field: string]: unknown;
}

export interface Pushed {
  readonly run: Run;
  readonly path: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly subscription: string;
  readonly deliveryAttempt?: number;
}

export interface PubsubAgent extends Pick<Listener, 'close'> {
  readonly url: string;
  /** What came with a good token. */
  readonly pushed: Pushed[];
  /** Why others were refused. */
  readonly refused: string[];
  /** Takes a run; by default with 204. */
  take: (pushed: Pushed) => Answer | Promise<Answer>;
}

/** Verifies with `jose` against the issuer's published keys, as an agent somewhere else would. */
export async function pubsubAgent(stack: TestStack): Promise<PubsubAgent> {
  const keys = createRemoteJWKSet(new URL(stack.local.issuer.jwksUrl));
  const listener = await httpListener(async ({ headers, body, path }) => {
    try {
      const { payload } = await jwtVerify(String(headers.authorization).replace(/^Bearer /, ''), keys, {
        issuer: stack.local.issuer.url,
        audience: listener.url,
        algorithms: ['RS256'],
      });
      const wanted = accountEmail(stack.settings, topology.agentPushAccount);
      if (payload.email !== wanted || payload.email_verified !== true) throw new Error(`${payload.email} is not ${wanted}`);
    } catch (error) {
      agent.refused.push((error as Error).message);
      return { status: 401 };
    }
    const { message, subscription, deliveryAttempt } = JSON.parse(body);
    const run = JSON.parse(Buffer.from(message.data, 'base64').toString());
    const one: Pushed = { run, path, attributes: message.attributes, subscription, deliveryAttempt };
    agent.pushed.push(one);
    return agent.take(one);
  });
  const agent: PubsubAgent = {
    url: listener.url,
    pushed: [],
    refused: [],
    take: () => ({ status: 204 }),
    close: listener.close,
  };
  return agent;
}
