import assert from 'node:assert/strict';
import { guardedEgress } from '../../functions/adapters/egress.ts';
import { systemNames } from '../../functions/adapters/egress-names.ts';
import { addresses, type DnsServer, dnsServer, noSuchName } from '../support/dns-server.ts';

const KNOWN: Readonly<Record<string, readonly string[]>> = {
  'both.example': ['8.8.8.8', '2606:4700:4700::1111'],
  'four.example': ['1.1.1.1'],
  'six.example': ['2606:4700:4700::1111'],
  'loopback.example': ['127.0.0.1'],
  'half.example': ['8.8.8.8', '::1'],
};

describe('systemNames', function () {
  this.timeout(20_000);

  let server: DnsServer;
  let servers: string[];

  before(async () => {
    server = await dnsServer(({ name, type }) => {
      const known = KNOWN[name];
      return known === undefined ? noSuchName : { records: addresses(...known).filter((record) => record.type === type) };
    });
    servers = [server.address];
  });

  after(() => server.close());

  it('gives the addresses of both families', async () => {
    const names = systemNames(servers);
    assert.deepEqual(await names('both.example', 'public'), ['8.8.8.8', '2606:4700:4700::1111']);
    assert.deepEqual(await names('four.example', 'public'), ['1.1.1.1']);
    assert.deepEqual(await names('six.example', 'public'), ['2606:4700:4700::1111']);
    await assert.rejects(names('gone.example', 'public'), { code: 'ENOTFOUND' });
  });

  it('does not know the names of this machine, unless operators ask', async () => {
    await assert.rejects(systemNames(servers)('localhost.example', 'public'), { code: 'ENOTFOUND' });
    assert.ok((await systemNames(servers)('localhost', 'private')).every((address) => /^127\.|^::1$/.test(address)));
  });

  it('guards the way out', async () => {
    const egress = guardedEgress({ allowLoopback: false, resolve: systemNames(servers) });
    await egress.check('https://both.example/', 'user');
    for (const name of ['loopback.example', 'half.example', 'gone.example']) {
      await assert.rejects(egress.check(`https://${name}/`, 'user'), { code: 'egress_denied' }, name);
      const request = { url: `https://${name}/`, trust: 'user', timeoutMs: 2_000, maxBytes: 1 } as const;
      await assert.rejects(egress.request(request), { code: 'egress_denied' }, name);
    }
    await egress.close();
  });
});
