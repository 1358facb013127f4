import { raceSweeps } from './sweep-races.ts';

describe('six thousand worlds', () => {
  it('have in them no backup that a sweep, another worker or an end has spoilt', async function () {
    this.timeout(3_600_000);
    console.log(await raceSweeps(6_000));
  });
});
