import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { digest } from '../../functions/agent-light/text-digest.ts';
import { httpListener, type Listener } from '../support/http-listener.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';

const TEXT = 'one two\nthree ✓\n\nfour';
const digestOf = (bytes: Buffer | string, lines: number, words: number) => ({
  sha256: createHash('sha256').update(bytes).digest('hex'),
  bytes: Buffer.byteLength(bytes),
  lines,
  words,
});

describe('the counts of a text', () => {
  it('are those of its split at white space, whichever', () => {
    const spaces = Array.from({ length: 0x1_0000 }, (_, code) => String.fromCharCode(code)).filter((one) => /\s/u.test(one));
    const texts = [...spaces, ...spaces.map((one) => `a${one}${one}b${one}`), '\u200b', 'a\u180eb', '\u0085', '✓ \ud83d\ude00 x'];
    for (const text of texts) {
      const { words, lines } = digest(Buffer.from(text));
      assert.equal(words, text.split(/\s+/u).filter(Boolean).length, JSON.stringify(text));
      assert.equal(lines, text.split('\n').length - (text.endsWith('\n') ? 1 : 0), JSON.stringify(text));
    }
  });

  it('of a large text take little more than the text', () => {
    const bytes = Buffer.from('ab '.repeat(10_000_000));
    const started = Date.now();
    assert.equal(digest(bytes).words, 10_000_000);
    assert.ok(Date.now() - started < 1_500, `${Date.now() - started} ms`);
  });
});

describe('text.digest', function () {
  this.timeout(20_000);
  let stack: EmbeddedTestStack;
  let server: Listener;
  before(async () => {
    server = await httpListener(({ path }) => {
      if (path === '/text') return { status: 200, body: TEXT };
      if (path === '/busy') return { status: 503 };
      if (path === '/moved') return { status: 302, headers: { location: '/text' } };
      return { status: 404 };
    });
    stack = await embeddedStack({ 'times.retryMinimumMs': 10 });
    await stack.objects.put('uploads', 'default/notes/a.txt', Buffer.from(TEXT));
    await stack.objects.put('uploads', 'other/secret.txt', Buffer.from('secret'));
    await stack.objects.put('uploads', 'default/huge', Buffer.alloc(32 * 1024 * 1024 + 1));
  });
  after(async () => {
    await stack.stop();
    await server.close();
  });

  const digested: [string, () => string, object][] = [
    ['a data: URL', () => 'data:,a%20b', digestOf('a b', 1, 2)],
    ['a data: URL in base64', () => `data:text/plain;base64,${Buffer.from(TEXT).toString('base64')}`, digestOf(TEXT, 4, 5)],
    ['an empty document', () => 'data:,', digestOf('', 0, 0)],
    ['a final line feed', () => 'data:,a%0Ab%0A', digestOf('a\nb\n', 2, 2)],
    ['an object of the caller’s', () => 'gs://uploads/default/notes/a.txt', digestOf(TEXT, 4, 5)],
    ['a page', () => `${server.url}/text`, digestOf(TEXT, 4, 5)],
  ];
  for (const [name, url, result] of digested) {
    it(`digests ${name}`, async () => {
      for (const mode of ['http', 'pubsub']) {
        const { body } = await stack.dispatch({ mode, payload: { handler: 'text.digest', url: url() } });
        const view = await stack.ended(body.id);
        assert.deepEqual([view.status, view.result], ['succeeded', result], JSON.stringify(view.error));
      }
    });
  }

  const failing: [string, unknown, string, string][] = [
    ['no url', undefined, 'failed', 'invalid_payload'],
    ['a number', 5, 'failed', 'invalid_payload'],
    ['a data: URL without a comma', 'data:text', 'failed', 'invalid_payload'],
    ['bad percent-encoding', 'data:,%E0%A4%A', 'failed', 'invalid_payload'],
    ['an object that is not there', 'gs://uploads/default/none', 'failed', 'document_not_found'],
    ['an object that is too large', 'gs://uploads/default/huge', 'failed', 'document_too_large'],
    ['another tenant’s object', 'gs://uploads/other/secret.txt', 'failed', 'invalid_payload'],
    ['another tenant’s object by a dotted path', 'gs://uploads/default/../other/secret.txt', 'failed', 'invalid_payload'],
    ['another bucket', 'gs://payloads/default/x', 'failed', 'invalid_payload'],
    ['a private address', 'https://10.0.0.1/', 'failed', 'egress_denied'],
    ['the metadata server', 'http://169.254.169.254/computeMetadata/v1/', 'failed', 'egress_denied'],
    ['the metadata server by name', 'http://metadata.google.internal/', 'failed', 'egress_denied'],
    ['loopback spelt in decimal', 'http://2130706433/', 'failed', 'egress_denied'],
    ['a file', 'file:///etc/passwd', 'failed', 'egress_denied'],
    ['a public address without TLS', 'http://example.com/', 'failed', 'egress_denied'],
  ];
  for (const [name, url, status, code] of failing) {
    it(`refuses ${name}`, async () => {
      const { body: view } = await stack.dispatch({ payload: { handler: 'text.digest', url } });
      assert.deepEqual([view.status, view.error?.code, view.attempts], [status, code, 1]);
    });
  }

  const answered: [string, string, string, number][] = [
    ['/none', 'failed', 'document_not_found', 1],
    ['/moved', 'failed', 'document_not_found', 1],
    ['/busy', 'dead', 'attempts_exhausted', 2],
  ];
  for (const [path, status, code, attempts] of answered) {
    it(`ends ${status} for ${path}`, async () => {
      const view = await stack.run({ payload: { handler: 'text.digest', url: server.url + path }, maxAttempts: 2 });
      assert.deepEqual([view.status, view.error?.code, view.attempts], [status, code, attempts]);
    });
  }
});
