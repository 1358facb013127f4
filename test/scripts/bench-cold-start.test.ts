import assert from 'node:assert/strict';
import { listed } from '../../scripts/bench/cold-start-calls.ts';
import { type FirstRequests, startFirstRequests } from '../../scripts/bench/cold-start-requests.ts';
import { describeWithEmulators } from '../support/emulators.ts';
import { temporaryFolder } from '../support/folder.ts';

/**
 * What the bare function has to do as well: more than this is the function's own doing. The first instance that serves reads what is
 * switched off; dispatch also its caller's key and limits.
 */
const CALLS = {
  dispatch: '3 × get, 2 × commit, 1 × publish',
  'agent-light': '1 × get, 1 × commit, 1 × publish',
  codex: '1 × token, 2 × post',
  results: '1 × commit',
  callbacks: '1 × get, 1 × post, 1 × commit',
  'dead-letters': '1 × get, 1 × commit',
  sweeper: '1 × get, 26 × query, 1 × commit, 1 × publish',
};

describeWithEmulators('the first requests of the cold start', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  let requests: FirstRequests;

  before(async () => {
    const { PUBSUB_EMULATOR_HOST: pubsubHost = '', FIRESTORE_EMULATOR_HOST: firestoreHost = '' } = process.env;
    requests = await startFirstRequests({ pubsubHost, firestoreHost, stop: async () => {} }, folder.path);
  });
  after(async () => {
    await requests?.close();
    folder.remove();
  });

  for (const [name, calls] of Object.entries(CALLS)) {
    it(`make the calls that their function is known for: ${name}`, async () => {
      assert.equal(listed((await requests.next(name)).calls), calls);
    });
  }

  it('are left to be made by the function: twice is as once', async () => {
    const [one, two] = [await requests.next('results'), await requests.next('results')];
    assert.equal(listed(two.calls), listed(one.calls));
    assert.notEqual(two.request.body, one.request.body);
  });
});
