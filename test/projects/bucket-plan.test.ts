import assert from 'node:assert/strict';
import type { FileMetadata } from '@google-cloud/storage';
import type { Found } from '../../functions/adapters/bucket-entries.ts';
import { planOf, refuseHeld, type Target } from '../../functions/adapters/bucket-plan.ts';
import { parseBucketPath } from '../../functions/core/bucket-path.ts';

const place = parseBucketPath('gs://acme/p') ?? assert.fail();

/** What a plan does to one file, `a`, that is there and is under a hold of some kind. */
async function refusalOf(held: FileMetadata, target: Target | undefined): Promise<string> {
  const object = { name: 'p/a', generation: '5', metageneration: '1', size: '1', ...held };
  const found: Found = { object, entry: { kind: 'file', path: 'a', mode: 0o644, size: 1, stamp: '5.1', settled: true } };
  const now = { entries: new Map([['a', found]]), kept: [] };
  const steps = await planOf(place, now, new Map(target && [['a', target]]), () => assert.fail('nothing is to be staged'));
  try {
    refuseHeld(now, steps);
    return 'taken';
  } catch (error) {
    return (error as { code: string }).code;
  }
}

describe('plans for projects in buckets', () => {
  const later = new Date(Date.now() + 86_400_000).toISOString();
  const earlier = new Date(Date.now() - 60_000).toISOString();
  const other: Target = { kind: 'file', mode: 0o644, staged: { name: 'w/1', generation: '9' } };
  const same: Target = { kind: 'file', mode: 0o600 };

  for (const [what, held, isRefused] of [
    ['a temporary hold', { temporaryHold: true }, true],
    ['an event-based hold', { eventBasedHold: true }, true],
    ["the bucket's retention", { retentionExpirationTime: later }, true],
    ['a retention of its own', { retention: { retainUntilTime: later, mode: 'Unlocked' } }, true],
    ['a retention that is over', { retentionExpirationTime: earlier }, false],
    ['nothing', {}, false],
  ] as const) {
    it(`${isRefused ? 'refuse' : 'take'} an object under ${what}`, async () => {
      for (const target of [other, undefined]) {
        assert.equal(await refusalOf(held, target), isRefused ? 'project_unwritable' : 'taken');
      }
      assert.equal(await refusalOf(held, same), 'taken');
    });
  }
});
