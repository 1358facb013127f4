import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { guardedEgress } from '../../functions/adapters/egress.ts';
import { systemNames } from '../../functions/adapters/egress-names.ts';

/** What the server of this test knows: the data of A and AAAA records (RFC 1035, RFC 3596). */
const RECORDS: Readonly<Record<string, { a?: string; aaaa?: string }>> = {
  'both.example': { a: '08080808', aaaa: '26064700470000000000000000001111' },
  'four.example': { a: '01010101' },
  'six.example': { aaaa: '26064700470000000000000000001111' },
  'loopback.example': { a: '7f000001' },
  'half.example': { a: '08080808', aaaa: '00000000000000000000000000000001' },
};

describe('systemNames', function () {
  this.timeout(20_000);

  let server: Socket;
  let servers: string[];

  before(async () => {
    server = createSocket('udp4');
    server.on('message', (query, from) => server.send(answerTo(query), from.port, from.address));
    await new Promise<void>((resolve) => server.bind(0, '127.0.0.1', resolve));
    servers = [`127.0.0.1:${server.address().port}`];
  });

  after(() => {
    server.close();
  });

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

/** The query with its header turned into an answer's, and one record behind it, or none, or NXDOMAIN for an unknown name. */
function answerTo(query: Buffer): Buffer {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] as number; length > 0; length = query[at] as number) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  const question = query.subarray(12, at + 5);
  const known = RECORDS[labels.join('.').toLowerCase()];
  const type = query.readUInt16BE(at + 1);
  const data = Buffer.from((type === 28 ? known?.aaaa : type === 1 ? known?.a : undefined) ?? '', 'hex');
  const header = Buffer.alloc(12);
  query.copy(header, 0, 0, 2);
  header.writeUInt16BE(known === undefined ? 0x8183 : 0x8180, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(data.length === 0 ? 0 : 1, 6);
  if (data.length === 0) return Buffer.concat([header, question]);
  const record = Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, data.length]);
  return Buffer.concat([header, question, record, data]);
}
