import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:net';
import { guardedEgress } from '../../functions/adapters/egress.ts';
import { isWithin } from '../../functions/adapters/egress-addresses.ts';
import { systemNames } from '../../functions/adapters/egress-names.ts';
import type { Egress } from '../../functions/core/ports.ts';
import { type Connections, watchConnections } from '../support/connections.ts';
import { addresses, type DnsAnswer, type DnsRecord, type DnsServer, dnsServer, noSuchName } from '../support/dns-server.ts';
import { until } from '../support/folder.ts';
import type { View } from '../support/stack.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';
import { NON_PUBLIC_ADDRESSES, PUBLIC_ADDRESSES } from './bad-addresses.ts';

const URL_8443 = 'https://rebound.example:8443/';
const limits = { trust: 'user', timeoutMs: 5_000, maxBytes: 1_000 } as const;
const isDenied = { code: 'egress_denied', status: 422 };
/** A zone id is this machine's, and travels in no record. */
const BAD = NON_PUBLIC_ADDRESSES.filter((address) => !address.includes('%'));
const PUBLIC: DnsRecord[] = addresses('8.8.8.8', '2606:4700:4700::1111');

const only = (records: readonly DnsRecord[], type: string | undefined): DnsAnswer => ({
  records: records.filter((one) => one.type === type || one.type === 'CNAME'),
});

describe('names of an attacker who has the DNS server', function () {
  this.timeout(30_000);
  let dns: DnsServer;
  let connections: Connections;
  let listeners: Server[];
  let accepted = 0;
  let egress: Egress;

  before(async () => {
    dns = await dnsServer();
    // Where the port is taken some other listener stands there, and the attempts still count.
    listeners = (await Promise.all(['127.0.0.1', '::1'].map(listen))).filter((server) => server !== undefined);
    connections = watchConnections();
  });
  after(async () => {
    connections.restore();
    for (const server of listeners) server.close();
    await dns.close();
  });
  beforeEach(() => {
    egress = guardedEgress({ allowLoopback: false, resolve: systemNames([dns.address]) });
    connections.tried.length = 0;
    accepted = 0;
  });
  afterEach(() => egress.close());

  function listen(host: string): Promise<Server | undefined> {
    const server = createServer((socket) => {
      accepted += 1;
      socket.destroy();
    });
    return new Promise((resolve) => server.once('error', () => resolve(undefined)).listen(8443, host, () => resolve(server)));
  }

  const noConnection = () => assert.deepEqual({ tried: connections.tried, accepted }, { tried: [], accepted: 0 });

  /** Whatever `answers` says for the n-th resolution of the name. */
  function rebinds(answers: (nth: number) => readonly DnsRecord[]): void {
    dns.answer = ({ type, before }) => only(answers(before - from(type)), type);
    const starts = new Map<string | undefined, number>();
    function from(type: string | undefined): number {
      const start = starts.get(type) ?? dns.asked.filter((one) => one.type === type && one.over === 'udp').length - 1;
      starts.set(type, start);
      return start;
    }
  }

  it('do not get to an address that is public when it is checked and another when it is connected to', async () => {
    for (const address of BAD) {
      rebinds((nth) => (nth === 0 ? PUBLIC : addresses(address)));
      await egress.check(URL_8443, 'user');
      await assert.rejects(egress.request({ url: URL_8443, ...limits }), isDenied, address);
    }
    noConnection();
  });

  it('are resolved once per connection, and what was judged is what is connected to', async () => {
    const before = dns.asked.length;
    rebinds((nth) => (nth === 0 ? PUBLIC : addresses('127.0.0.1')));
    await assert.rejects(egress.request({ url: URL_8443, ...limits }), { code: 'egress_failed', message: /ENETUNREACH/ });
    assert.deepEqual(connections.tried, ['8.8.8.8', '2606:4700:4700::1111']);
    assert.deepEqual(
      dns.asked
        .slice(before)
        .map(({ type }) => type)
        .sort(),
      ['A', 'AAAA'],
    );
    await assert.rejects(egress.request({ url: URL_8443, ...limits }), isDenied);
    assert.deepEqual([connections.tried.length, accepted], [2, 0]);
  });

  it('do not get there by changing with every question, at any time', async () => {
    let seed = 1;
    const random = () => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed;
    };
    const pick = (list: readonly string[]) => list[random() % list.length] as string;
    dns.answer = ({ type }) => only(addresses(pick(random() % 3 === 0 ? BAD : PUBLIC_ADDRESSES)), type);
    const outcomes = new Map<string, number>();
    for (let round = 0; round < 20; round++) {
      const codes = await Promise.all(
        Array.from({ length: 20 }, () =>
          egress.request({ url: URL_8443, ...limits }).then(
            () => 'answered',
            (error: { code: string }) => error.code,
          ),
        ),
      );
      for (const code of codes) outcomes.set(code, (outcomes.get(code) ?? 0) + 1);
    }
    assert.deepEqual([...outcomes.keys()].sort(), ['egress_denied', 'egress_failed']);
    for (const address of connections.tried) assert.ok(isWithin(address, 'public'), address);
    assert.ok(connections.tried.length > 0, 'no public answer came through: the rest shows nothing');
    assert.equal(accepted, 0);
  });

  it('do not get there by one family while the other is public', async () => {
    for (const address of BAD) {
      const [bad] = addresses(address) as [DnsRecord];
      rebinds(() => [bad, ...PUBLIC.filter(({ type }) => type !== bad.type)]);
      await assert.rejects(egress.check(URL_8443, 'user'), isDenied, address);
      await assert.rejects(egress.request({ url: URL_8443, ...limits }), isDenied, address);
    }
    noConnection();
  });

  it('do not hide it among many, also where the answer has to be fetched over TCP', async () => {
    const many = Array.from({ length: 120 }, (_, index) => `9.9.9.${index + 1}`);
    for (const place of [0, 60, 120]) {
      const records = addresses(...many.toSpliced(place, 0, '169.254.169.254'));
      dns.answer = ({ type, over }) => (over === 'udp' ? { truncated: true } : only(records, type));
      await assert.rejects(egress.request({ url: URL_8443, ...limits }), isDenied, `${place}`);
    }
    assert.ok(dns.asked.some(({ over }) => over === 'tcp'));
    noConnection();
    dns.answer = ({ type, over }) => (over === 'udp' ? { truncated: true } : only(addresses(...many), type));
    await egress.check(URL_8443, 'user');
  });

  const alias = (name: string, value: string): DnsRecord => ({ type: 'CNAME', name, value });
  const at = (name: string, ...values: string[]) => addresses(...values).map((record) => ({ ...record, name }));
  const hops = Array.from({ length: 12 }, (_, index) => `hop${index}.example`);
  const chains: [string, DnsRecord[]][] = [
    ['one alias', [alias('rebound.example', 'b.example'), ...at('b.example', '10.0.0.1')]],
    [
      'a long chain',
      [
        alias('rebound.example', hops[0] as string),
        ...hops.slice(1).map((name, index) => alias(hops[index] as string, name)),
        ...at(hops.at(-1) as string, '127.0.0.1', '::1'),
      ],
    ],
    [
      'the metadata server by name',
      [alias('rebound.example', 'metadata.google.internal'), ...at('metadata.google.internal', '169.254.169.254')],
    ],
    ['localhost by name, without an address', [alias('rebound.example', 'localhost')]],
    ['itself', [alias('rebound.example', 'rebound.example')]],
    ['a ring', [alias('rebound.example', 'b.example'), alias('b.example', 'rebound.example')]],
    [
      'an alias beside a private address',
      [alias('rebound.example', 'b.example'), ...at('b.example', '8.8.8.8'), ...at('rebound.example', '10.0.0.1')],
    ],
    ['a private address of another name', [...at('other.example', '10.0.0.1')]],
    ['a public alias with one private member', [alias('rebound.example', 'b.example'), ...at('b.example', '8.8.8.8', 'fd00::1')]],
  ];
  for (const [name, records] of chains) {
    it(`do not get there through ${name}`, async () => {
      dns.answer = ({ type }) => only(records, type);
      await assert.rejects(egress.request({ url: URL_8443, ...limits }), isDenied);
      noConnection();
    });
  }

  it('are refused, or tried again later, when the server says neither', async () => {
    for (const answer of [noSuchName, {}, { status: 2 }, { status: 5 }, { records: [], truncated: true }]) {
      dns.answer = () => answer;
      await assert.rejects(egress.request({ url: URL_8443, ...limits }), { code: /^egress_(denied|failed|timeout)$/ });
    }
    noConnection();
  });

  describe('given to a whole Heliograph', () => {
    let stack: EmbeddedTestStack;
    before(async () => {
      stack = await embeddedStack({}, (runtime) => ({
        ...runtime,
        egress: guardedEgress({
          allowLoopback: true,
          operatorOrigins: Object.values(runtime.settings.functionUrls).map((url) => new URL(url).origin),
          resolve: systemNames([dns.address]),
        }),
      }));
    });
    after(() => stack.stop());
    beforeEach(() => {
      // What the functions say to each other is on loopback too.
      connections.tried.length = 0;
    });

    const beyond = () => connections.tried.filter((address) => !/^(127\.0\.0\.1|::1)$/.test(address));

    it('as a callback that is rebound after it was admitted, bring no connection', async () => {
      rebinds((nth) => (nth === 0 ? PUBLIC : addresses('127.0.0.1', '169.254.169.254')));
      const asked = dns.asked.length;
      const { status, body } = await stack.dispatch({ callbackUrl: URL_8443 });
      assert.deepEqual([status, body.status], [200, 'succeeded']);
      // Admitted once; two tries to deliver.
      await until(() => dns.asked.slice(asked).filter(({ type }) => type === 'A').length >= 3);
      assert.equal(accepted, 0);
      assert.deepEqual(beyond(), []);
      const { callback } = (await stack.stored(body.id)).task;
      assert.equal(callback, undefined);
    });

    it('as a document to fetch, fail the task and bring no connection', async () => {
      for (const records of [addresses('127.0.0.1'), addresses('8.8.8.8', '::1'), addresses('169.254.169.254')]) {
        rebinds(() => records);
        const view: View = await stack.run({ payload: { handler: 'text.digest', url: URL_8443 } });
        assert.deepEqual([view.status, view.error?.code], ['failed', 'egress_denied']);
      }
      assert.equal(accepted, 0);
      assert.deepEqual(beyond(), []);
    });

    it('as a callback that is private from the start, are refused by name', async () => {
      rebinds(() => addresses('10.0.0.1'));
      const { status, body } = await stack.dispatch<{ code: string; errors: { field: string }[] }>({ callbackUrl: URL_8443 });
      assert.deepEqual([status, body.code, body.errors[0]?.field], [422, 'egress_denied', 'callbackUrl']);
    });
  });
});
