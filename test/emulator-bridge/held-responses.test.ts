import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener, request, type Server } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { heldResponses } from '../../emulator-bridge/held-responses.ts';
import { closeServer, listenLoopback } from '../../emulator-bridge/loopback.ts';

describe('held responses', () => {
  let waiting: ((failure: Error | undefined) => void)[];
  let server: Server;
  let seen: { status?: number; text: string; cut: boolean; ended: boolean };
  beforeEach(() => {
    waiting = [];
    seen = { text: '', cut: false, ended: false };
  });
  afterEach(() => closeServer(server));

  async function call(listener: RequestListener): Promise<void> {
    server = createServer({ ServerResponse: heldResponses((done) => void waiting.push(done)) }, listener);
    const port = await listenLoopback(server, 0);
    const calling = request({ port, host: '127.0.0.1', agent: false });
    calling.on('response', (response) => {
      seen.status = response.statusCode;
      response.on('data', (chunk) => {
        seen.text += chunk;
      });
      response.on('end', () => {
        seen.ended = true;
      });
      response.on('error', () => {
        seen.cut = true;
      });
    });
    calling.on('error', () => {
      seen.cut = true;
    });
    calling.end();
    await once(server, 'request');
    await pause(20);
  }
  const release = async (failure?: Error) => {
    waiting.shift()?.(failure);
    await pause(20);
  };

  it('say nothing before what they tell is on disk', async () => {
    await call((_request, response) => void response.writeHead(201, { 'x-a': 'b' }).end('done'));
    assert.equal(seen.status, undefined);
    await release();
    assert.deepEqual(seen, { status: 201, text: 'done', cut: false, ended: true });
  });

  it('keep the order of a stream, piece by piece', async () => {
    await call((_request, response) => {
      response.writeHead(200);
      response.flushHeaders();
      response.write('one ');
      response.write('two');
      response.end();
      assert.equal(response.write('too late'), false);
      response.end('too late');
    });
    assert.equal(seen.status, undefined);
    await release();
    assert.deepEqual([seen.status, seen.text], [200, '']);
    await release();
    assert.equal(seen.text, 'one ');
    await release();
    assert.deepEqual([seen.text, seen.ended], ['one two', false]);
    await release();
    assert.deepEqual([seen.ended, waiting.length], [true, 0]);
  });

  it('cut the connection when it will never be on disk: neither a success nor a refusal would be true', async () => {
    await call((_request, response) => void response.writeHead(200).end('done'));
    await release(new Error('EIO'));
    assert.deepEqual(seen, { text: '', cut: true, ended: false });
  });
});
