import assert from 'node:assert/strict';
import type { Refusal } from '../support/stack.ts';
import { checkAccounts, type Figures } from './accounts.ts';
import { quiet } from './endure.ts';
import type { FaultyStack } from './faulty-stack.ts';
import { load } from './load.ts';

/**
 * Lets `count` tasks die, then redrives each of them twice at once and once more: the first counts. Whether it was the first
 * is asked while the second life cannot have ended yet.
 */
export async function redriveTwice(stack: FaultyStack, count: number, withinMs: number): Promise<Figures> {
  const mix = [
    { agent: 'remote', dies: true },
    { agent: 'remote', dies: true, calledBack: true },
  ] as const;
  let gate: Promise<void> | undefined;
  const given = load(() => stack, stack.agent, stack.receiver, { name: `redriven twice, ${count}`, count, mix, until: () => gate });
  await given.post();
  await given.ended(withinMs);
  await checkAccounts(stack.signing, given);

  const { promise, resolve } = Promise.withResolvers<void>();
  gate = promise;
  try {
    const ids = given.accepted.keys();
    await Promise.all(Array.from({ length: 12 }, () => redriveAll(stack, ids)));
  } finally {
    resolve();
  }
  await given.ended(withinMs);
  await quiet(stack);
  return checkAccounts(stack.signing, given, { redrives: 1 });
}

async function redriveAll(stack: FaultyStack, ids: Iterable<string>): Promise<void> {
  const redrive = (id: string) => stack.post<Refusal>(`/task/${id}/redrive`, { ttlSeconds: 600 });
  for (const id of ids) {
    const replies = [...(await Promise.all([redrive(id), redrive(id)])), await redrive(id)];
    assert.deepEqual(replies.map(({ status }) => status).sort(), [202, 409, 409], JSON.stringify(replies.map(({ body }) => body)));
    for (const { status, body } of replies) if (status === 409) assert.equal(body.code, 'task_not_dead');
  }
}
