import assert from 'node:assert/strict';
import { killBackups, killRollbacks } from './crashes.ts';

describe('ended by kill -9', () => {
  it('a rollback leaves the old tree or the new one, whole', async function () {
    this.timeout(120_000);
    const { killed, old, fresh } = await killRollbacks(4);
    assert.ok(killed > 0, `${killed} were killed`);
    assert.equal(old + fresh, 4);
  });

  it('a backup goes on, and stores nothing twice', async function () {
    this.timeout(120_000);
    const { killed, resumed } = await killBackups(5);
    assert.ok(killed > 1 && resumed > 0, `${killed} were killed, ${resumed} of them had stored something`);
  });
});
