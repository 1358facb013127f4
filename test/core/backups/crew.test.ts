import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { crew } from '../../../functions/core/backups/ahead.ts';

describe('a crew', () => {
  it('has no more at work than it may, and ends when all are done', async () => {
    const done: number[] = [];
    let most = 0;
    let running = 0;
    const works = crew(3);
    for (let index = 0; index < 20; index += 1) {
      await works.add(async () => {
        running += 1;
        most = Math.max(most, running);
        await pause(index % 4);
        running -= 1;
        done.push(index);
      });
    }
    await works.end();
    assert.deepEqual([most, running, done.length], [3, 0, 20]);
  });

  for (const way of ['add', 'end'] as const) {
    it(`tells of a failure once nobody is at work: at ${way}`, async () => {
      let isAtWork = false;
      const works = crew(3);
      await works.add(async () => {
        isAtWork = true;
        await pause(30);
        isAtWork = false;
      });
      await works.add(() => Promise.reject(new Error('the disk is full')));
      await pause(1);
      await assert.rejects(way === 'add' ? works.add(async () => {}) : works.end(), /the disk is full/);
      assert.equal(isAtWork, false);
    });
  }
});
