import assert from 'node:assert/strict';
import { createServer, type Server, Socket } from 'node:net';
import { guardedEgress } from '../../functions/adapters/egress.ts';
import { isWithin } from '../../functions/adapters/egress-addresses.ts';
import { BAD_NAMES, badUrls, NON_PUBLIC_ADDRESSES, PUBLIC_ADDRESSES } from './bad-addresses.ts';

const limits = { timeoutMs: 10_000, maxBytes: 65_536 };
const PUBLIC = '8.8.8.8';

describe('addresses that are not public', function () {
  this.timeout(20_000);

  const { connect } = Socket.prototype;
  let attempts: string[] = [];
  let accepted = 0;
  let port = 0;
  let listeners: Server[] = [];

  before(async () => {
    // 8443 is a port that users may name: if it is taken, some other listener stands there, and the attempts still count.
    const listening = await Promise.all([listen('127.0.0.1', 8443), listen('::1', 8443), listen('127.0.0.1', 0)]);
    listeners = listening.filter((server) => server !== undefined);
    port = 8443;
    // Every connection of this process goes through here, TLS too: what was attempted is seen even where nothing answers.
    Socket.prototype.connect = function (this: Socket, ...values: never) {
      this.on('connectionAttempt', (address: string) => attempts.push(address));
      return connect.apply(this, values);
    } as typeof connect;
  });

  beforeEach(() => {
    attempts = [];
    accepted = 0;
  });

  after(() => {
    Socket.prototype.connect = connect;
    for (const server of listeners) server.close();
  });

  async function listen(host: string, at: number): Promise<Server | undefined> {
    const server = createServer((socket) => {
      accepted += 1;
      socket.destroy();
    });
    return new Promise((resolve) => server.once('error', () => resolve(undefined)).listen(at, host, () => resolve(server)));
  }

  const noConnection = () => assert.deepEqual({ attempts, accepted }, { attempts: [], accepted: 0 });
  const isDenied = { code: 'egress_denied', status: 422 };

  it('are told from public ones', () => {
    for (const address of NON_PUBLIC_ADDRESSES) assert.equal(isWithin(address, 'public'), false, address);
    for (const address of PUBLIC_ADDRESSES) assert.equal(isWithin(address, 'public'), true, address);
    const metadata = [
      '169.254.169.254',
      'fd20:ce::254',
      'fd00:ec2::254',
      '100.100.100.200',
      '168.63.129.16',
      'fe80::1',
      '0.0.0.0',
      '::',
    ];
    for (const address of metadata) assert.equal(isWithin(address, 'private'), false, address);
    for (const address of ['10.0.0.1', '127.0.0.1', 'fd12::1', '::1', '8.8.8.8'])
      assert.equal(isWithin(address, 'private'), true, address);
    for (const address of ['10.0.0.1', '8.8.8.8', 'fd12::1']) assert.equal(isWithin(address, 'loopback'), false, address);
  });

  it('are 150 and more, in any notation, and none is connected to', async () => {
    const urls = badUrls(port);
    assert.ok(new Set(urls).size >= 150, `${urls.length}`);
    const egress = guardedEgress({ allowLoopback: false, resolve: async () => [PUBLIC] });
    for (const url of urls) {
      await assert.rejects(egress.check(url, 'user'), isDenied, url);
      await assert.rejects(egress.request({ url, trust: 'user', ...limits }), isDenied, url);
    }
    noConnection();
    await egress.close();
  });

  it('are refused to operators too, unless their exact origin is allowed', async () => {
    const egress = guardedEgress({
      allowLoopback: false,
      operatorOrigins: [`http://127.0.0.1:${port + 1}`],
      resolve: async () => [PUBLIC],
    });
    const literal = NON_PUBLIC_ADDRESSES.map((address) => (address.includes(':') ? `[${address}]` : address));
    for (const host of literal) {
      for (const url of [`http://${host}:${port}/`, `https://${host}/`]) {
        await assert.rejects(egress.request({ url, trust: 'operator', ...limits }), isDenied, url);
      }
    }
    noConnection();
    await egress.close();
  });

  it('are not reached by names that resolve to them, alone or among public ones', async () => {
    for (const address of NON_PUBLIC_ADDRESSES) {
      for (const answer of [[address], [PUBLIC, address], [address, PUBLIC]]) {
        const egress = guardedEgress({ allowLoopback: false, resolve: async () => answer });
        const name = BAD_NAMES[(address.length + answer.length) % BAD_NAMES.length];
        await assert.rejects(egress.check(`https://${name}:8443/`, 'user'), isDenied, `${name} ${answer}`);
        for (const trust of ['user', 'operator'] as const) {
          await assert.rejects(egress.request({ url: `https://${name}:8443/`, trust, ...limits }), isDenied, `${name} ${answer}`);
        }
        await egress.close();
      }
    }
    noConnection();
  });

  it('are not reached by a name that is rebound between check and connect', async () => {
    for (const address of NON_PUBLIC_ADDRESSES) {
      let asked = 0;
      const egress = guardedEgress({
        allowLoopback: false,
        resolve: async () => {
          asked += 1;
          return asked === 1 ? [PUBLIC] : [address];
        },
      });
      const url = 'https://rebound.example:8443/';
      await egress.check(url, 'user');
      await assert.rejects(egress.request({ url, trust: 'user', ...limits }), isDenied, address);
      await egress.close();
      assert.equal(asked, 2);
    }
    noConnection();
  });

  it('are asked of the resolver once per connection, and what it said is what is connected to', async () => {
    let asked = 0;
    const egress = guardedEgress({
      allowLoopback: false,
      operatorOrigins: ['https://private.example:8443'],
      resolve: async () => {
        asked += 1;
        return asked === 1 ? ['127.0.0.1'] : ['169.254.169.254'];
      },
    });
    await assert.rejects(egress.request({ url: 'https://private.example:8443/', trust: 'operator', ...limits }), {
      code: 'egress_failed',
    });
    assert.deepEqual(attempts, ['127.0.0.1']);
    assert.equal(asked, 1);
    await assert.rejects(egress.request({ url: 'https://private.example:8443/', trust: 'operator', ...limits }), isDenied);
    assert.deepEqual(attempts, ['127.0.0.1']);
    await egress.close();
  });

  it('are, of loopback, reached where that is allowed: the meter above does count', async () => {
    const egress = guardedEgress({ allowLoopback: true });
    await assert.rejects(egress.request({ url: `https://127.0.0.1:${port}/`, trust: 'user', ...limits }), {
      code: 'egress_failed',
    });
    assert.deepEqual(attempts, ['127.0.0.1']);
    assert.ok(accepted === 1 || listeners.length < 3);
    await egress.close();
  });

  it('other than loopback stay refused where loopback is allowed, and names that resolve to loopback', async () => {
    const egress = guardedEgress({ allowLoopback: true, resolve: async () => ['127.0.0.1'] });
    for (const address of NON_PUBLIC_ADDRESSES.filter((address) => !/^127\.|^::1$/.test(address))) {
      const host = address.includes(':') ? `[${address}]` : address;
      for (const url of [`http://${host}:${port}/`, `https://${host}:${port}/`]) {
        await assert.rejects(egress.request({ url, trust: 'user', ...limits }), isDenied, url);
      }
    }
    for (const name of BAD_NAMES.filter((name) => name !== 'localhost')) {
      await assert.rejects(egress.request({ url: `https://${name}:${port}/`, trust: 'user', ...limits }), isDenied, name);
    }
    noConnection();
    await egress.close();
  });
});
