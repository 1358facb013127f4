/** Requests made from the schemas, in sequences of several clients at once, against a whole embedded Heliograph. */

import assert from 'node:assert/strict';
import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { temporaryFolder } from '../support/folder.ts';
import { httpListener, type Received } from '../support/http-listener.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';
import { anyCall, ENDPOINTS } from './calls.ts';
import { openSession, type Proof } from './session.ts';

const CLIENTS = 4;
const PER_CLIENT = 16;

/** Sends at least `count` requests and judges each reply; fails with fast-check's seed, path and the request of the failure. */
export async function checkRequests(count: number): Promise<ReadonlyMap<string, number>> {
  const proofs: Proof[] = [];
  const folder = temporaryFolder();
  const root = realpathSync(folder.path);
  for (const name of ['one', 'two']) {
    mkdirSync(join(root, name));
    writeFileSync(join(root, name, 'main.py'), `import other\nname = "${name}"\n`);
    writeFileSync(join(root, name, 'other.py'), '');
  }
  const agent = await httpListener((request) => answered(request, proofs));
  const stack = await embeddedStack({
    agents: [{ name: 'remote', endpoint: agent.url, priceCents: 3 }],
    projectRoots: [root],
    'times.backupWaitMs': 500,
    'times.sweepMs': 2_000,
    // Some messages are lost below: what waits for this long can be claimed by hand.
    'times.republishMs': 20_000,
    'times.limitsCacheMs': 50,
    'times.switchesMs': 50,
  });
  loseSome(stack);
  const session = await openSession(stack, [join(root, 'one'), join(root, 'two')]);
  let sent = 0;
  const client = fc.array(anyCall, { minLength: PER_CLIENT, maxLength: PER_CLIENT });
  try {
    const run = await fc.check(
      fc.asyncProperty(fc.array(client, { minLength: CLIENTS, maxLength: CLIENTS }), async (clients) => {
        session.proofs.push(...proofs.splice(0));
        await Promise.all(
          clients.map(async (calls) => {
            for (const call of calls) {
              await session.send(call);
              sent += 1;
            }
          }),
        );
      }),
      { numRuns: Math.ceil(count / (CLIENTS * PER_CLIENT)), endOnFailure: true, seed: givenSeed() },
    );
    // The counterexample itself would be pages of schemas; the request says what matters.
    if (run.failed) throw new Error(`seed ${run.seed}, path ${run.counterexamplePath}: ${(run.errorInstance as Error).message}`);
    assert.ok(sent >= count, `${sent}`);
    return session.seen;
  } finally {
    await session.close();
    await stack.stop();
    await agent.close();
    folder.remove();
  }
}

/** `HELIOGRAPH_TEST_SEED` repeats the requests of an earlier run. */
function givenSeed(): number | undefined {
  const given = process.env.HELIOGRAPH_TEST_SEED;
  return given === undefined ? undefined : Number(given);
}

/**
 * That every endpoint has given each of its answers: a generator that is only ever refused shows little. A short run may miss
 * `atMost` of those that depend on how tasks happen to stand.
 */
export function checkReach(seen: ReadonlyMap<string, number>, atMost = 0): void {
  const missing = ENDPOINTS.flatMap(({ method, path, answers, seldom = [] }) =>
    Object.keys(answers)
      .filter((status) => !seldom.includes(Number(status)))
      .map((status) => `${method} ${path} ${status}`)
      .filter((answer) => !seen.has(answer)),
  );
  assert.ok(missing.length <= atMost, missing.join('; '));
}

/** Every second message with a task is lost on its way, as if it were late: its task stays queued, and anyone may claim it. */
function loseSome(stack: EmbeddedTestStack): void {
  let published = 0;
  stack.fate = (topic) => {
    if (topic !== 'tasks') return 'out';
    published += 1;
    return published % 2 === 0 ? 'lost' : 'out';
  };
}

/** The operator's agent: does what the payload asks of it, and keeps the proof of what it has parked. */
function answered({ body }: Received, proofs: Proof[]) {
  const run = JSON.parse(body) as Proof & { payload: { answer?: string; fail?: string } };
  const problem = { 'content-type': 'application/problem+json' };
  switch (run.payload.answer ?? run.payload.fail) {
    case 'park':
      proofs.push(run);
      return { status: 202, body: {} };
    case 'retry':
      return { status: 503, body: {}, headers: { 'retry-after': '0.05' } };
    case 'refuse':
      return { status: 422, body: { code: 'not_mine', detail: 'No.' }, headers: problem };
    case 'gone':
      return { status: 410, body: {}, headers: problem };
    case 'dear':
      return { status: 200, body: { status: 'succeeded', result: { done: true }, costCents: 1e6 } };
    case 'broken':
      return { status: 200, body: '{"half' };
    default:
      return { status: 200, body: { status: 'succeeded', result: run.payload, costCents: 1 } };
  }
}
