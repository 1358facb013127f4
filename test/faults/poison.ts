import assert from 'node:assert/strict';
import { until } from '../support/folder.ts';
import type { Listener } from '../support/http-listener.ts';
import type { TestStack } from '../support/stack.ts';
import { checkAccounts, type Figures, shown } from './accounts.ts';
import { type Kind, load } from './load.ts';

const WARM_UPS = 3;
const ROUNDS = 6;
/** Two rounds one after the other differ by a quarter on a shared machine: one pair says little, nearly all of them do. */
const MOST = ROUNDS - 1;
const NEIGHBOURS: readonly Kind[] = [{ agent: 'remote' }, { agent: 'light' }];

/**
 * Rounds of a load with and without poison beside it, in turn: a task that fails at every attempt, one that holds its agent for
 * long, a message that is no JSON and one of a task that there is not. Neighbours keep nine tenths of their throughput
 * (refuted when nearly all pairs of rounds say so), and their p99 grows by less than a half (by the medians).
 */
export async function comparePoison(stack: TestStack, agent: Listener, receiver: Listener, count: number): Promise<void> {
  for (let n = 1; n <= WARM_UPS; n++) await round(stack, agent, receiver, `${n}, to warm up`, count, n % 2 === 0);
  const withPoison: Figures[] = [];
  const without: Figures[] = [];
  for (let n = 1; n <= ROUNDS; n++) {
    for (const poisoned of n % 2 === 0 ? [true, false] : [false, true]) {
      const figures = await round(stack, agent, receiver, `${poisoned ? 'poisoned' : 'clean'} round ${n}`, count, poisoned);
      (poisoned ? withPoison : without).push(figures);
      console.log(`      ${poisoned ? 'with' : 'without'} poison: ${shown(figures)}`);
    }
  }
  const throughput = median(withPoison, 'perSecond') / median(without, 'perSecond');
  const slowest = median(withPoison, 'p99') / median(without, 'p99');
  console.log(`      medians, with poison over without: throughput ${throughput.toFixed(2)}, p99 ${slowest.toFixed(2)}`);
  const ratios = withPoison.map(({ perSecond }, pair) => perSecond / (without[pair] as Figures).perSecond);
  const less = ratios.filter((ratio) => ratio < 0.9).length;
  assert.ok(less < MOST, `throughput beside poison is ${ratios.map((ratio) => ratio.toFixed(2)).join(', ')} of what it is without`);
  assert.ok(slowest <= 1.5, `p99 beside poison is ${slowest.toFixed(2)} of what it is without`);
}

async function round(
  stack: TestStack,
  agent: Listener,
  receiver: Listener,
  name: string,
  count: number,
  poisoned: boolean,
): Promise<Figures> {
  const given = load(() => stack, agent, receiver, { name, count, mix: NEIGHBOURS });
  const neighbourly = agent.answer;
  agent.answer = async (request) => {
    const { payload } = JSON.parse(request.body);
    // A 500 would open the agent's circuit as soon as its neighbours are done.
    if (payload.poison === 'fails') return { status: 429, body: {} };
    if (payload.poison === 'holds') await new Promise((resolve) => setTimeout(resolve, 1_500));
    return payload.poison === undefined ? neighbourly(request) : { status: 200, body: {} };
  };
  const poison = poisoned ? await poisonOf(stack, name) : [];
  await given.post();
  await given.ended(120_000);
  const ends = await Promise.all(poison.map(async (id) => (await stack.ended(id, 60_000)).status));
  assert.deepEqual(ends, poisoned ? ['dead', 'succeeded'] : []);
  await until(async () => (await stack.quarantined()).filter(({ data }) => isOf(data, name)).length === (poisoned ? 2 : 0));
  return checkAccounts(stack.signing, given);
}

const isOf = ({ attributes }: Readonly<Record<string, unknown>>, name: string): boolean =>
  (attributes as Readonly<Record<string, string>> | undefined)?.round === name;

/** The tasks that it became; the rest ends in quarantine. */
async function poisonOf(stack: TestStack, name: string): Promise<string[]> {
  const attributes = { agent: 'remote', round: name };
  await stack.publish('tasks', '{"no JSON', attributes);
  await stack.publish('tasks', { taskId: `none-of-${name.replaceAll(' ', '-')}` }, attributes);
  const ids: string[] = [];
  for (const poison of ['fails', 'holds']) {
    const { body } = await stack.dispatch({
      agent: 'remote',
      mode: 'pubsub',
      payload: { poison },
      maxAttempts: 10,
      ttlSeconds: 300,
    });
    ids.push(body.id);
  }
  return ids;
}

function median(figures: readonly Figures[], of: 'perSecond' | 'p99'): number {
  return figures.map((each) => each[of]).sort((a, b) => a - b)[Math.floor(figures.length / 2)] as number;
}
