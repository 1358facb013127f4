import assert from 'node:assert/strict';
import { killBackups, killRollbacks } from './crashes.ts';

describe('ended by kill -9 at 200 random moments', () => {
  it('a rollback leaves the old tree or the new one, whole', async function () {
    this.timeout(2_400_000);
    const counts = await killRollbacks(120);
    console.log(counts);
    assert.ok(counts.old > 5 && counts.fresh > 5);
    const killed = (...phases: string[]) => phases.reduce((sum, phase) => sum + (counts.phases[phase] ?? 0), 0);
    for (const phase of ['1 building', '2 safety backup', '3 linking and syncing']) assert.ok(killed(phase) > 0, phase);
    assert.ok(killed('4 journalled', '5 exchanging', '6 removing the old tree') > 5);
  });

  it('a backup goes on, and stores nothing twice', async function () {
    this.timeout(1_200_000);
    const counts = await killBackups(80);
    console.log(counts);
    assert.ok(counts.resumed > 10);
    assert.ok((counts.phases['2 storing'] ?? 0) > 10);
  });
});
