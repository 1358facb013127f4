import assert from 'node:assert/strict';
import { request as open } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { startMetadata } from '../../emulator-bridge/metadata.ts';
import { createProxy } from '../../emulator-bridge/proxy.ts';
import { receiver } from '../emulator-bridge/kit.ts';

describe('the proxy in front of the functions', () => {
  const hidden = 'GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n';
  const rows: [string, string][] = [
    [
      'its length named as a header of the connection',
      `Connection: content-length\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`,
    ],
    ['the same in capitals among others', `Connection: close, CONTENT-LENGTH\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`],
    ['chunks', `Transfer-Encoding: chunked\r\n\r\n${hidden.length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n`],
    [
      'chunks named as a header of the connection',
      `Connection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n\r\n${hidden.length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n`,
    ],
    ['its host named as a header of the connection', 'Connection: host\r\n\r\n'],
  ];
  for (const method of ['GET', 'DELETE', 'POST']) {
    for (const [name, rest] of rows) {
      it(`passes on one ${method} as one request, with its host: ${name}`, async () => {
        const seen: (string | undefined)[] = [];
        const target = await receiver((request, response) => {
          seen.push(`${request.method} ${request.url} ${request.headers.host}`);
          request.resume().on('end', () => response.end());
        });
        const proxy = createProxy('dispatch', target.url);
        const front = await receiver(proxy.forward);
        const socket = connect(Number(new URL(front.url).port), '127.0.0.1');
        socket.on('error', () => {}).resume();
        socket.write(`${method} /task/1 HTTP/1.1\r\nHost: evil.example\r\n${rest}`);
        await pause(60);
        assert.deepEqual(seen, [`${method} /task/1 evil.example`]);
        socket.destroy();
        proxy.close();
        await front.close();
        await target.close();
      });
    }
  }
});

describe('a metadata server', () => {
  it('gives no token to a web page that reaches it by a rebound name', async () => {
    const server = await startMetadata({ email: 'a@b', project: 'p', projectNumber: '0', token: async () => 'token' });
    const [hostname, port] = server.host.split(':');
    const asked = (host: string) =>
      new Promise<number | undefined>((resolve, reject) => {
        const path = '/computeMetadata/v1/instance/service-accounts/default/identity?audience=a';
        const headers = { host, 'metadata-flavor': 'Google' };
        open({ hostname, port, path, headers }, (reply) => resolve(reply.resume().statusCode))
          .on('error', reject)
          .end();
      });
    assert.deepEqual(await Promise.all([server.host, 'evil.example', `evil.example:${port}`].map(asked)), [200, 403, 403]);
    await server.close();
  });
});
