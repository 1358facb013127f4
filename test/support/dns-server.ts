/**
 * A DNS server on loopback, over UDP and TCP, that a test answers for: the part of the wire format that resolvers of addresses need.
 *
 * Sources: RFC 1035 (messages, A, CNAME), RFC 3596 (AAAA).
 */

import { createSocket, type Socket } from 'node:dgram';
import { createServer, isIPv4, type Server } from 'node:net';

export type RecordType = 'A' | 'AAAA' | 'CNAME';

/** `value` is an address, or the name that a CNAME points to. The owner is the name that was asked for, unless told. */
export interface DnsRecord {
  readonly type: RecordType;
  readonly value: string;
  readonly name?: string;
  /** Seconds; 0 by default, so that nobody may keep it. */
  readonly ttl?: number;
}

/** `status` is the answer's RCODE: 0 unless told, 3 for a name that does not exist. A `truncated` one has to be asked for by TCP. */
export interface DnsAnswer {
  readonly records?: readonly DnsRecord[];
  readonly status?: number;
  readonly truncated?: boolean;
}

export interface DnsQuestion {
  /** In lower case. */
  readonly name: string;
  readonly type: RecordType | undefined;
  /** How often this name and type were asked for before. */
  readonly before: number;
  readonly over: 'udp' | 'tcp';
}

export interface DnsServer {
  /** As `dns.Resolver` takes it. */
  readonly address: string;
  readonly asked: readonly DnsQuestion[];
  /** Gives the answer to a question; by default no name exists. `undefined` leaves it unanswered. */
  answer: (question: DnsQuestion) => DnsAnswer | undefined;
  close(): Promise<void>;
}

const TYPES: Readonly<Record<RecordType, number>> = { A: 1, CNAME: 5, AAAA: 28 };
export const noSuchName: DnsAnswer = { status: 3 };

/** Records of addresses, each of its family's type. */
export const addresses = (...values: readonly string[]): DnsRecord[] =>
  values.map((value) => ({ type: isIPv4(value) ? 'A' : 'AAAA', value }));

/** Starts it on a free port of 127.0.0.1. */
export async function dnsServer(answer: DnsServer['answer'] = () => noSuchName): Promise<DnsServer> {
  const { udp, tcp, port } = await listening();
  const asked: DnsQuestion[] = [];
  const server: DnsServer = {
    address: `127.0.0.1:${port}`,
    asked,
    answer,
    async close() {
      await new Promise<void>((resolve) => udp.close(resolve));
      await new Promise((resolve) => tcp.close(resolve));
    },
  };

  function reply(query: Buffer, over: DnsQuestion['over']): Buffer | undefined {
    const { name, type, end } = questionOf(query);
    const before = asked.filter((one) => one.name === name && one.type === type && one.over === over).length;
    const question: DnsQuestion = { name, type, before, over };
    asked.push(question);
    const given = server.answer(question);
    return given && answerMessage(query, end, given);
  }

  udp.on('message', (query, from) => {
    const message = reply(query, 'udp');
    if (message !== undefined) udp.send(message, from.port, from.address);
  });
  tcp.on('connection', (socket) => {
    let received = Buffer.alloc(0);
    socket
      .on('error', () => {})
      .on('data', (chunk) => {
        received = Buffer.concat([received, chunk]);
        while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
          const end = 2 + received.readUInt16BE(0);
          const message = reply(received.subarray(2, end), 'tcp');
          received = received.subarray(end);
          if (message === undefined) continue;
          socket.write(Buffer.concat([Buffer.from([message.length >> 8, message.length & 255]), message]));
        }
      });
  });
  return server;
}

/** Both on one port, which takes some tries: what is free for one may not be for the other. */
async function listening(): Promise<{ udp: Socket; tcp: Server; port: number }> {
  for (let tries = 0; tries < 20; tries++) {
    const tcp = createServer();
    const port = await new Promise<number>((resolve) =>
      tcp.listen(0, '127.0.0.1', () => resolve((tcp.address() as { port: number }).port)),
    );
    const udp = createSocket('udp4');
    const bound = await new Promise<boolean>((resolve) =>
      udp.once('error', () => resolve(false)).bind(port, '127.0.0.1', () => resolve(true)),
    );
    if (bound) return { udp, tcp, port };
    udp.close();
    tcp.close();
  }
  throw new Error('No port of 127.0.0.1 is free for both UDP and TCP.');
}

function questionOf(query: Buffer): { name: string; type: RecordType | undefined; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] as number; length > 0; length = query[at] as number) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  const code = query.readUInt16BE(at + 1);
  const type = (Object.keys(TYPES) as RecordType[]).find((one) => TYPES[one] === code);
  return { name: labels.join('.').toLowerCase(), type, end: at + 5 };
}

/** The query with its header turned into an answer's, and the records behind it; additional records of the query are left out. */
function answerMessage(query: Buffer, end: number, { records = [], status = 0, truncated = false }: DnsAnswer): Buffer {
  const header = Buffer.alloc(12);
  query.copy(header, 0, 0, 2);
  header.writeUInt16BE(0x8180 | status | (truncated ? 0x0200 : 0), 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(records.length, 6);
  return Buffer.concat([header, query.subarray(12, end), ...records.map(encoded)]);
}

function encoded({ type, value, name, ttl = 0 }: DnsRecord): Buffer {
  const data = type === 'CNAME' ? encodedName(value) : encodedAddress(value);
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(TYPES[type], 0);
  fixed.writeUInt16BE(1, 2);
  fixed.writeUInt32BE(ttl, 4);
  fixed.writeUInt16BE(data.length, 8);
  // Without a name of its own the owner is a pointer to the question.
  return Buffer.concat([name === undefined ? Buffer.from([0xc0, 12]) : encodedName(name), fixed, data]);
}

const encodedName = (name: string): Buffer =>
  Buffer.concat([
    ...name.split('.').map((label) => Buffer.from([label.length, ...Buffer.from(label, 'latin1')])),
    Buffer.from([0]),
  ]);

function encodedAddress(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  // `URL` writes an IPv6 address with its last 32 bits as groups too.
  const written = new URL(`http://[${address}]/`).hostname.slice(1, -1);
  const [front = '', back] = written.split('::') as [string, string?];
  const groups = (text: string) => (text === '' ? [] : text.split(':'));
  const tail = groups(back ?? '');
  const head = groups(front);
  const zeros = back === undefined ? [] : Array.from({ length: 8 - head.length - tail.length }, () => '0');
  return Buffer.from([...head, ...zeros, ...tail].map((group) => group.padStart(4, '0')).join(''), 'hex');
}
