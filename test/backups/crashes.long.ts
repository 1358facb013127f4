import assert from 'node:assert/strict';
import { killBackups, killRollbacks } from './crashes.ts';

describe('ended by kill -9 at 200 random moments', () => {
  it('a rollback leaves the old tree or the new one, whole', async function () {
    this.timeout(1_200_000);
    const counts = await killRollbacks(120);
    console.log(counts);
    assert.ok(counts.killed > 60 && counts.old > 5 && counts.fresh > 5);
  });

  it('a backup goes on, and stores nothing twice', async function () {
    this.timeout(600_000);
    const counts = await killBackups(80);
    console.log(counts);
    assert.ok(counts.killed > 40 && counts.resumed > 10);
  });
});
