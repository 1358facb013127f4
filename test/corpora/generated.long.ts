import { checkReach, checkRequests } from './generated.ts';

describe('requests made from the schemas', () => {
  it('are answered as the schemas of the replies say, 50,000 of them', async function () {
    this.timeout(900_000);
    const seen = await checkRequests(50_000);
    checkReach(seen);
    for (const [answer, times] of [...seen].sort(([a], [b]) => (a < b ? -1 : 1)))
      console.log(`      ${String(times).padStart(6)}  ${answer}`);
  });
});
