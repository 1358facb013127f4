import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { until } from '../support/folder.ts';
import { BUCKET, type StorageKit, storageKit } from './storage-kit.ts';

const O = `/storage/v1/b/${BUCKET}/o`;
const UPLOAD = `/upload${O}`;
const related = (...parts: string[]) => parts.join('\r\n');

describe('storage server: what others send, over plain HTTP', () => {
  let kit: StorageKit;
  beforeEach(async () => {
    kit = await storageKit();
    const bucket = await kit.bucket();
    await bucket.file('x').save('0123456789', { resumable: false });
  });
  afterEach(() => kit.close());

  const json = (body: unknown) => ({ body: JSON.stringify(body), headers: { 'content-type': 'application/json' } });
  const multipart = (body: string, boundary = 'b') => ({
    body,
    headers: { 'content-type': `multipart/related; boundary=${boundary}` },
  });

  describe('a web page of elsewhere', () => {
    const SCRIPT = encodeURIComponent('<script>alert(1)</script>');
    for (const site of ['cross-site', 'same-site', 'same-origin']) {
      it(`cannot lead a browser here (${site})`, async () => {
        for (const path of [`${O}/x?alt=media`, '/storage/v1/b', `${O}/${SCRIPT}?alt=media`]) {
          assert.equal((await kit.send('GET', path, { headers: { 'sec-fetch-site': site } })).status, 403, path);
        }
      });
    }

    it('has nothing run in a browser of what it puts into an address', async () => {
      for (const path of [`${O}/${SCRIPT}?alt=media`, `${O}/x?alt=media&generation=${SCRIPT}`, `${O}/x?alt=media`, `${O}/x`]) {
        const { headers } = await kit.send('GET', path);
        assert.doesNotMatch(headers.get('content-type') ?? '', /html/, path);
        assert.equal(headers.get('x-content-type-options'), 'nosniff', path);
        assert.match(headers.get('content-security-policy') ?? '', /sandbox/, path);
        assert.equal(headers.get('cross-origin-resource-policy'), 'same-origin', path);
      }
    });
  });

  it('leaves no file open whose headers cannot be sent', async function () {
    this.timeout(20_000);
    if (process.platform !== 'linux') this.skip();
    await kit.server.site.store.write((tables) => {
      const object = tables.object(BUCKET, 'x');
      assert.ok(object);
      tables.putObject({ ...object, fields: { ...object.fields, contentType: 'text\nplain' } });
    });
    const open = () => readdirSync('/proc/self/fd').length;
    await kit.send('GET', `${O}/x?alt=media`);
    const before = open();
    for (let time = 0; time < 20; time += 1) assert.equal((await kit.send('GET', `${O}/x?alt=media`)).status, 503);
    // They are closed a moment after the answer.
    await until(() => open() < before + 10);
  });

  it('removes nothing at its start that is not its own', async () => {
    const contents = join(kit.folder, 'contents');
    mkdirSync(join(contents, 'photographs'));
    mkdirSync(join(contents, '2026'));
    writeFileSync(join(contents, 'letter.txt'), 'Dear');
    writeFileSync(join(contents, '99'), 'what a crash has left');
    await kit.restart();
    const left = readdirSync(contents);
    assert.ok(['photographs', '2026', 'letter.txt'].every((name) => left.includes(name)) && !left.includes('99'), left.join());
  });

  const refused: [string, string, string, RequestInit, number, string][] = [
    ['a bucket that is not there', 'GET', '/storage/v1/b/none/o/x', {}, 404, 'notFound'],
    ['an object that is not there', 'GET', `${O}/none`, {}, 404, 'notFound'],
    ['a version that is not there', 'GET', `${O}/x?generation=1`, {}, 404, 'notFound'],
    ['a generation that is no number', 'GET', `${O}/x?generation=new`, {}, 400, 'invalid'],
    ['a precondition that is no number', 'DELETE', `${O}/x?ifGenerationMatch=-1`, {}, 400, 'invalid'],
    ['a path that is not encoded', 'GET', `${O}/%E0%A4%A`, {}, 400, 'invalid'],
    ['a path of another API', 'GET', `${O}/x/acl`, {}, 501, 'notImplemented'],
    ['a path of nothing', 'GET', '/', {}, 501, 'notImplemented'],
    ['an upload where none is taken', 'POST', O, {}, 501, 'notImplemented'],
    ['an upload of no known kind', 'POST', `${UPLOAD}?name=y`, { body: 'y' }, 400, 'invalid'],
    ['a type of two lines', 'PATCH', `${O}/x`, json({ contentType: 'a\nb' }), 400, 'invalid'],
    ['a rule that is none', 'PATCH', `/storage/v1/b/${BUCKET}`, json({ lifecycle: { rule: [null] } }), 400, 'invalid'],
    ['rules that are no list', 'PATCH', `/storage/v1/b/${BUCKET}`, json({ lifecycle: { rule: 1 } }), 400, 'invalid'],
    [
      'a retention for ever',
      'PATCH',
      `/storage/v1/b/${BUCKET}`,
      json({ retentionPolicy: { retentionPeriod: String(Number.MAX_SAFE_INTEGER) } }),
      400,
      'invalid',
    ],
    ['an upload without a name', 'POST', `${UPLOAD}?uploadType=media`, { body: 'y' }, 400, 'invalid'],
    ['a name of two dots', 'POST', `${UPLOAD}?uploadType=media&name=..`, { body: 'y' }, 400, 'invalid'],
    ['a name of two lines', 'POST', `${UPLOAD}?uploadType=media&name=a%0Ab`, { body: 'y' }, 400, 'invalid'],
    ['a name that is too long', 'POST', `${UPLOAD}?uploadType=media&name=${'x'.repeat(1025)}`, { body: 'y' }, 400, 'invalid'],
    ['an access list', 'POST', `${UPLOAD}?uploadType=media&name=y&predefinedAcl=publicRead`, { body: 'y' }, 501, 'notImplemented'],
    [
      'a wrong Content-MD5',
      'POST',
      `${UPLOAD}?uploadType=media&name=y`,
      { body: 'y', headers: { 'content-md5': 'AAAA' } },
      400,
      'invalid',
    ],
    [
      'a wrong X-Goog-Hash',
      'POST',
      `${UPLOAD}?uploadType=media&name=y`,
      { body: 'y', headers: { 'x-goog-hash': 'crc32c=AAAAAA==' } },
      400,
      'invalid',
    ],
    ['a multipart upload without a boundary', 'POST', `${UPLOAD}?uploadType=multipart&name=y`, { body: 'y' }, 400, 'invalid'],
    [
      'a multipart upload of one part',
      'POST',
      `${UPLOAD}?uploadType=multipart&name=y`,
      multipart(related('--b', '', '{}', '--b--')),
      400,
      'invalid',
    ],
    [
      'a multipart upload without its end',
      'POST',
      `${UPLOAD}?uploadType=multipart&name=y`,
      multipart(related('--b', '', '{}', '--b', '', 'y')),
      400,
      'invalid',
    ],
    [
      'a multipart upload of three parts',
      'POST',
      `${UPLOAD}?uploadType=multipart&name=y`,
      multipart(related('--b', '', '{}', '--b', '', 'y', '--b', '', 'z', '--b--')),
      400,
      'invalid',
    ],
    [
      'metadata that are no JSON',
      'POST',
      `${UPLOAD}?uploadType=multipart&name=y`,
      multipart(related('--b', '', '{', '--b', '', 'y', '--b--')),
      400,
      'parseError',
    ],
    [
      'metadata without end',
      'POST',
      `${UPLOAD}?uploadType=multipart&name=y`,
      multipart(`--b\r\n\r\n${'x'.repeat(3 << 20)}`),
      413,
      'uploadTooLarge',
    ],
    ['a JSON body that is too large', 'PATCH', `${O}/x`, json({ contentType: 'x'.repeat(2 << 20) }), 413, 'uploadTooLarge'],
    ['a JSON body that is a list', 'PATCH', `${O}/x`, json([]), 400, 'invalid'],
    ['metadata that are no strings', 'PATCH', `${O}/x`, json({ metadata: { a: 1 } }), 400, 'invalid'],
    ['a type that is no string', 'PATCH', `${O}/x`, json({ contentType: 1 }), 400, 'invalid'],
    ['a session that never began', 'PUT', `${UPLOAD}?upload_id=none`, { body: 'y' }, 404, 'notFound'],
    [
      'a session with a range that is none',
      'PUT',
      `${UPLOAD}?upload_id=none`,
      { body: 'y', headers: { 'content-range': '0-1' } },
      400,
      'invalid',
    ],
    ['composing nothing', 'POST', `${O}/y/compose`, json({ sourceObjects: [] }), 400, 'invalid'],
    ['a web page', 'GET', `${O}/x`, { headers: { origin: 'http://example.com' } }, 403, 'forbidden'],
  ];
  for (const [what, method, path, options, status, reason] of refused) {
    it(`refuses ${what}: ${status} ${reason}`, async () => {
      const response = await kit.send(method, path, options);
      const body = (await response.json()) as { error: { code: number; message: string; errors: { reason: string }[] } };
      assert.deepEqual([response.status, body.error.code, body.error.errors[0]?.reason], [status, status, reason]);
      assert.notEqual(body.error.message, '');
      const listed = (await (await kit.send('GET', O)).json()) as { items: { name: string; metageneration: string }[] };
      assert.deepEqual(
        listed.items.map(({ name, metageneration }) => [name, metageneration]),
        [['x', '1']],
        'and changes nothing',
      );
    });
  }

  it('refuses who calls it by a name that is not its own', async () => {
    const { port } = new URL(kit.server.url);
    const status = await new Promise((resolve, reject) => {
      request({ host: '127.0.0.1', port, path: `${O}/x?alt=media`, headers: { host: `rebound.example:${port}` } }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on('error', reject)
        .end();
    });
    assert.equal(status, 403);
  });

  it('listens on loopback alone', () => {
    assert.equal(new URL(kit.server.url).hostname, '127.0.0.1');
  });

  for (const boundary of ['b', '"b b"', 'long'.repeat(15)]) {
    it(`takes a multipart upload whose bytes look like the boundary ${boundary}`, async () => {
      const plain = boundary.replaceAll('"', '');
      const bytes = `\r\n--\r\n--${plain.slice(0, -1)}\r\n\r\n-${plain}\r\n`;
      const part = related(`--${plain}`, 'content-type: application/json', '', '{"name":"y","metadata":{"a":"1"}}');
      const body = related(part, `--${plain}`, 'Content-Type: text/x', '', bytes, `--${plain}--`, 'epilogue');
      // One byte a packet, so that every border falls between two.
      const dripping = Readable.from(Array.from(Buffer.from(body), (byte) => Buffer.from([byte])));
      const response = await kit.send('POST', `${UPLOAD}?uploadType=multipart`, {
        ...multipart('', boundary),
        body: dripping,
        duplex: 'half',
      } as unknown as RequestInit);
      assert.equal(response.status, 200);
      const got = await kit.send('GET', `${O}/y?alt=media`);
      assert.equal(got.headers.get('content-type'), 'text/x');
      assert.equal(await got.text(), bytes);
    });
  }

  it('gives the sentence alone to who asked for bytes', async () => {
    const response = await kit.send('GET', `${O}/none?alt=media`);
    assert.deepEqual([response.status, await response.text()], [404, `No such object: ${BUCKET}/none`]);
  });

  const ranges: [string, number, string, string | null][] = [
    ['bytes=0-0', 206, '0', 'bytes 0-0/10'],
    ['bytes=5-', 206, '56789', 'bytes 5-9/10'],
    ['bytes=-3', 206, '789', 'bytes 7-9/10'],
    ['bytes=-30', 206, '0123456789', 'bytes 0-9/10'],
    ['bytes=8-100', 206, '89', 'bytes 8-9/10'],
    ['bytes=5-2', 200, '0123456789', null],
    ['lines=1-2', 200, '0123456789', null],
    ['bytes=-', 200, '0123456789', null],
  ];
  for (const [range, status, text, contentRange] of ranges) {
    it(`answers Range: ${range} with ${status}`, async () => {
      for (const path of [O, `/download${O}`, O.slice('/storage/v1'.length)]) {
        const response = await kit.send('GET', `${path}/x?alt=media`, { headers: { range } });
        assert.deepEqual(
          [response.status, await response.text(), response.headers.get('content-range')],
          [status, text, contentRange],
        );
      }
    });
  }

  describe('a session', () => {
    let session: string;
    beforeEach(async () => {
      const started = await kit.send('POST', `${UPLOAD}?uploadType=resumable&name=y`, json({ metadata: { a: '1' } }));
      assert.equal(started.status, 200);
      session = (started.headers.get('location') as string).slice(kit.server.url.length);
    });
    const put = async (range: string, body?: string) => {
      const response = await kit.send('PUT', session, { body, headers: { 'content-range': range } });
      await response.arrayBuffer();
      return [response.status, response.headers.get('range')] as const;
    };
    const stored = async () => (await kit.send('GET', `${O}/y?alt=media`)).text();

    it('takes chunks, tells how far it is, and takes what came twice once', async () => {
      assert.deepEqual(await put('bytes */*'), [308, null]);
      assert.deepEqual(await put('bytes 0-3/*', 'abcd'), [308, 'bytes=0-3']);
      assert.deepEqual(await put('bytes */*'), [308, 'bytes=0-3']);
      assert.deepEqual(await put('bytes 2-5/*', 'cdef'), [308, 'bytes=0-5']);
      assert.deepEqual(await put('bytes 9-9/*', 'x'), [400, null]);
      assert.deepEqual(await put('bytes 6-9/*', 'x'), [400, null]);
      assert.deepEqual(await put('bytes 6-7/8', 'gh'), [200, null]);
      assert.equal(await stored(), 'abcdefgh');
      assert.deepEqual(await put('bytes */*'), [200, null]);
      assert.deepEqual(await put('bytes 0-3/*', 'abcd'), [200, null]);
    });

    it('ends when its length is told afterwards', async () => {
      assert.deepEqual(await put('bytes 0-3/*', 'abcd'), [308, 'bytes=0-3']);
      assert.deepEqual(await put('bytes */5'), [308, 'bytes=0-3']);
      assert.deepEqual(await put('bytes */4'), [200, null]);
      assert.equal(await stored(), 'abcd');
    });

    it('goes on after a restart of the server, with the sums of all of it', async () => {
      assert.deepEqual(await put('bytes 0-3/*', 'abcd'), [308, 'bytes=0-3']);
      await kit.restart();
      const whole = { 'content-range': 'bytes 4-7/8', 'x-goog-hash': 'md5=6NxAgbE0NLRRiacgt3toGA==,crc32c=CpQhtw==' };
      assert.equal((await kit.send('PUT', session, { body: 'efgh', headers: whole })).status, 200);
      assert.equal(await stored(), 'abcdefgh');
    });

    it('is gone once its bytes turn out wrong', async () => {
      const wrong = { 'content-range': 'bytes 0-3/4', 'x-goog-hash': 'crc32c=AAAAAA==' };
      assert.equal((await kit.send('PUT', session, { body: 'abcd', headers: wrong })).status, 400);
      assert.deepEqual(await put('bytes */*'), [404, null]);
    });

    it('ends with 412 when another has written meanwhile', async () => {
      const started = await kit.send('POST', `${UPLOAD}?uploadType=resumable&name=y&ifGenerationMatch=0`);
      session = (started.headers.get('location') as string).slice(kit.server.url.length);
      await kit.send('POST', `${UPLOAD}?uploadType=media&name=y`, { body: 'first' });
      assert.deepEqual(await put('bytes 0-3/4', 'abcd'), [412, null]);
      assert.equal(await stored(), 'first');
      const late = await kit.send('POST', `${UPLOAD}?uploadType=resumable&name=y&ifGenerationMatch=0`);
      assert.equal(late.status, 412, 'who comes now hears it before the upload');
    });

    it('is taken over from a request that hangs', async () => {
      const hanging = new ReadableStream({ start: (controller) => controller.enqueue(Buffer.from('ab')) });
      const options = { headers: { 'content-range': 'bytes 0-3/4' }, body: hanging, duplex: 'half' } as unknown as RequestInit;
      const broken = assert.rejects(kit.send('PUT', session, options));
      await new Promise((resolve) => setTimeout(resolve, 100));
      assert.deepEqual(await put('bytes 0-3/4', 'abcd'), [200, null]);
      await broken;
      assert.equal(await stored(), 'abcd');
    });

    it('can be given up', async () => {
      await put('bytes 0-3/*', 'abcd');
      assert.equal((await kit.send('DELETE', session)).status, 499);
      assert.deepEqual(await put('bytes */*'), [404, null]);
      assert.equal((await kit.send('GET', `${O}/y`)).status, 404);
    });
  });
});
