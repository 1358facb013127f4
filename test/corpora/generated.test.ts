import { checkReach, checkRequests } from './generated.ts';

describe('requests made from the schemas', function () {
  this.timeout(120_000);

  it('are answered as the schemas of the replies say, 6,000 of them', async () => {
    checkReach(await checkRequests(6_000), 2);
  });
});
