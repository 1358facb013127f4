import assert from 'node:assert/strict';
import { OPERATIONS } from '../../scripts/openapi/operations/all.ts';
import { ENDPOINTS } from './calls.ts';
import { unnamed } from './described.ts';
import { checkReach, checkRequests } from './generated.ts';

describe('requests made from the schemas', function () {
  this.timeout(120_000);

  it('are answered as the schemas of the replies say, 6,000 of them', async () => {
    checkReach(await checkRequests(6_000), 2);
  });

  it('ask for all that the document describes, but what anybody may read', () => {
    const asked = new Set(ENDPOINTS.map(({ method, path }) => `${method} ${path}`));
    const described = OPERATIONS.filter(({ needs }) => needs !== 'nobody').map(({ method, path }) => `${method} ${unnamed(path)}`);
    assert.deepEqual(
      described.filter((call) => !asked.has(call)),
      [],
    );
  });
});
