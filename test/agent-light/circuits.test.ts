import assert from 'node:assert/strict';
import { describeWithEmulators } from '../support/emulators.ts';
import { httpListener } from '../support/http-listener.ts';
import type { TestStack } from '../support/stack.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';
import { emulatedStack } from '../support/stack-emulated.ts';
import { circuitsOfAgents, circuitTimes } from './circuits.ts';

const LOCAL_MS = 6_000;
/** Each step takes longer there, the more so on a busy machine. */
const EMULATED_MS = 25_000;

describe('the circuits of agents', function () {
  this.timeout(90_000);
  let stack: EmbeddedTestStack;
  before(async () => {
    stack = await embeddedStack(circuitTimes(LOCAL_MS));
  });
  after(() => stack.stop());
  circuitsOfAgents(() => stack, { openMs: LOCAL_MS, isLocal: true });

  const answers: [name: string, status: number, headers?: Record<string, string>][] = [
    ['refuses with a problem', 422, { 'content-type': 'application/problem+json' }],
    ['has no such place', 404],
    ['is over its limit', 429],
  ];
  for (const [name, status, headers] of answers) {
    it(`stay closed for an agent that ${name}: it is there`, async () => {
      const agent = await httpListener(() => ({ status, body: {}, ...(headers ? { headers } : {}) }));
      await stack.post('/register-agent', { name: `there ${status}`, endpoint: agent.url });
      await Promise.all([0, 1, 2].map(() => stack.run({ agent: `there ${status}`, maxAttempts: 3 })));
      assert.deepEqual((await stack.get(`/agents/there ${status}`)).body.circuit, { state: 'closed', failures: 0 });
      await stack.delete(`/agents/there ${status}`);
      await agent.close();
    });
  }
});

describeWithEmulators("the circuits of agents, on Google's emulators", function () {
  this.timeout(120_000);
  let stack: TestStack;
  before(async function () {
    this.timeout(90_000);
    stack = await emulatedStack(circuitTimes(EMULATED_MS));
    await stack.run({});
  });
  after(() => stack?.stop());
  circuitsOfAgents(() => stack, { openMs: EMULATED_MS, isLocal: false });
});
