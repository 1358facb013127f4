import assert from 'node:assert/strict';
import { brokenLink, chained, signingFrom } from '../../functions/core/signing.ts';
import type { ChainHead, TimelineEntry } from '../../functions/core/task.ts';

const signing = signingFrom('a secret of at least thirty-two bytes');

function chainOf(events: readonly string[]): TimelineEntry[] {
  let chain: ChainHead = { head: '', count: 0 };
  return events.map((event, index) => {
    const link = chained(signing, chain, { at: index, event, epoch: index });
    chain = link.chain;
    assert.equal(chain.count, index + 1);
    assert.equal(chain.head, link.entry.hash);
    return link.entry;
  });
}

const timeline = chainOf(['queued', 'running', 'retry', 'running', 'succeeded']);
const entry = (index: number): TimelineEntry => timeline[index] as TimelineEntry;

describe('the chain of a timeline', () => {
  it('is whole as written', () => assert.equal(brokenLink(signing, timeline), -1));
  it('is whole behind a known head', () => assert.equal(brokenLink(signing, timeline.slice(2), entry(1).hash), -1));
  it('is whole when empty', () => assert.equal(brokenLink(signing, []), -1));
  it('does not depend on the order of the fields read back, but on their values', () => {
    assert.equal(brokenLink(signing, JSON.parse(JSON.stringify(timeline))), -1);
  });

  const broken: [string, readonly TimelineEntry[], number, string?][] = [
    ['an edit', timeline.with(2, { ...entry(2), event: 'succeeded' }), 2],
    ['an edited time', timeline.with(0, { ...entry(0), at: 1 }), 0],
    ['an added detail', timeline.with(4, { ...entry(4), by: 'nobody' }), 4],
    ['a removed detail', timeline.with(1, { at: 1, event: 'running', hash: entry(1).hash }), 1],
    ['an edit that was hashed anew with another key', timeline.with(2, rehashed()), 2],
    ['a deletion', timeline.toSpliced(2, 1), 2],
    ['a deletion at the start', timeline.slice(1), 0],
    ['a swap', timeline.with(1, entry(2)).with(2, entry(1)), 1],
    ['an insertion', timeline.toSpliced(3, 0, entry(1)), 3],
    ['a chain from another task', chainOf(['queued']), 0, entry(4).hash],
    ['a shortened hash', timeline.with(3, { ...entry(3), hash: entry(3).hash.slice(1) }), 3],
  ];
  for (const [name, entries, index, previous] of broken) {
    it(`shows ${name}`, () => assert.equal(brokenLink(signing, entries, previous), index));
  }

  function rehashed(): TimelineEntry {
    const { hash: _, ...rest } = entry(2);
    const changed = { ...rest, event: 'succeeded' };
    return { ...changed, hash: signingFrom('another secret of thirty-two bytes!').chain(entry(1).hash, changed) } as TimelineEntry;
  }
});

describe('an outcome token', () => {
  const token = signing.outcomeToken('task-1', 'codex', 3);
  const rows: [string, string, string, number, boolean][] = [
    ['its own attempt', token, 'task-1', 3, true],
    ['another epoch', token, 'task-1', 4, false],
    ['another task', token, 'task-2', 3, false],
    ['another agent', token.replace('codex', 'light'), 'task-1', 3, false],
    ['a changed end', `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`, 'task-1', 3, false],
    ['nothing', '', 'task-1', 3, false],
    ['a dot', '.', 'task-1', 3, false],
  ];
  for (const [name, given, task, epoch, valid] of rows) {
    it(`is ${valid ? 'good' : 'no good'} for ${name}`, () => assert.equal(signing.outcomeTokenValid(given, task, epoch), valid));
  }
  it('may have dots in the name of its agent', () =>
    assert.ok(signing.outcomeTokenValid(signing.outcomeToken('t', 'a.b', 1), 't', 1)));
});
