/** What `/orchestrate` adds to a `/dispatch` of the same tool: pairs of requests, in turn, to one running Heliograph. */

import assert from 'node:assert/strict';
import { Pool } from 'undici';
import { temporaryFolder } from './contender.ts';
import { startHeliograph } from './measured-process.ts';

export interface OrchestrateFigures {
  /** Milliseconds at the median, by round. */
  readonly dispatch: readonly number[];
  readonly orchestrate: readonly number[];
  /** The second less the first. */
  readonly overhead: readonly number[];
}

const WARM_UP = 300;

/** `pairs` of requests in each round; every one stores a text of its own, so that none is a repeat. */
export async function measureOrchestrate(pairs: number, rounds: number): Promise<OrchestrateFigures> {
  await using release = new AsyncDisposableStack();
  const folder = await temporaryFolder(release);
  const server = release.adopt(await startHeliograph(folder), (it) => it.stop());
  const pool = release.adopt(new Pool(server.url, { connections: 1 }), (it) => it.close());
  let number = 0;

  async function asked(path: string, body: (inputs: object) => object): Promise<number> {
    number += 1;
    const text = JSON.stringify(body({ text: `measured ${number}`, tags: ['bench'] }));
    const from = performance.now();
    const reply = await pool.request({ method: 'POST', path, headers: { 'content-type': 'application/json' }, body: text });
    const answer = (await reply.body.json()) as { status: string };
    const took = performance.now() - from;
    assert.ok(reply.statusCode === 200 && ['success', 'succeeded'].includes(answer.status), JSON.stringify(answer));
    return took;
  }
  const dispatched = () => asked('/dispatch', (payload) => ({ agent: 'tool:memory.write', payload }));
  const orchestrated = () => asked('/orchestrate', (inputs) => ({ intent: 'memory.write', mode: 'agent', inputs }));

  for (let pair = 0; pair < WARM_UP; pair += 1) {
    await dispatched();
    await orchestrated();
  }
  const figures = { dispatch: [] as number[], orchestrate: [] as number[] };
  for (let round = 0; round < rounds; round += 1) {
    const times = { dispatch: [] as number[], orchestrate: [] as number[] };
    for (let pair = 0; pair < pairs; pair += 1) {
      // Neither always comes after the other.
      if (pair % 2 === 0) times.dispatch.push(await dispatched());
      times.orchestrate.push(await orchestrated());
      if (pair % 2 === 1) times.dispatch.push(await dispatched());
    }
    figures.dispatch.push(median(times.dispatch));
    figures.orchestrate.push(median(times.orchestrate));
  }
  return { ...figures, overhead: figures.orchestrate.map((ms, round) => ms - (figures.dispatch[round] as number)) };
}

function median(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] as number;
}
