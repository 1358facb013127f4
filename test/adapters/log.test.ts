import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

const LOG = join(import.meta.dirname, '../../functions/adapters/log.ts');
const TRACE = join(import.meta.dirname, '../../functions/core/trace.ts');

/** What a process writes that ends right after its last line. */
function written(level: string, statements: string): Record<string, unknown>[] {
  const script = `
    import { jsonLog } from ${JSON.stringify(LOG)};
    const log = jsonLog({ level: ${JSON.stringify(level)}, name: 'dispatch', project: 'a-project' });
    ${statements}
    process.kill(process.pid, 'SIGKILL');`;
  let text = '';
  try {
    execFileSync(process.execPath, ['--input-type=module', '--eval', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  } catch (error) {
    text = String((error as { stdout: Buffer }).stdout);
  }
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('jsonLog', function () {
  this.timeout(20_000);

  it('writes one line an entry in Cloud Logging’s shape, and the last one before a kill as well', () => {
    const [entry, ...others] = written('info', `log.warn({ taskId: 'a', traceId: 't' }, 'Said.');`);
    assert.deepEqual(others, []);
    const { time, ...rest } = entry as Record<string, unknown>;
    assert.ok(Math.abs(Date.parse(String(time)) - Date.now()) < 20_000);
    assert.deepEqual(rest, {
      severity: 'WARNING',
      function: 'dispatch',
      taskId: 'a',
      traceId: 't',
      message: 'Said.',
    });
  });

  it('says which trace a line belongs to, as Cloud Logging has it, whatever else goes on meanwhile', () => {
    const [first, second] = ['1'.repeat(32), '2'.repeat(32)];
    const lines = written(
      'info',
      `const { inTrace } = await import(${JSON.stringify(TRACE)});
       const say = (name) => setImmediate(() => log.info({ reason: name }, 'Said.'));
       inTrace('00-${first}-00000000000000a1-01', () => say('first'));
       inTrace('00-${second}-00000000000000a2-00', () => say('second'));
       inTrace('01-${second}-00000000000000a2-00', () => say('none'));
       await new Promise((resolve) => setTimeout(resolve, 50));`,
    );
    const traces = lines.map((line) => ['trace', 'spanId', 'trace_sampled'].map((name) => line[`logging.googleapis.com/${name}`]));
    assert.deepEqual(traces, [
      [`projects/a-project/traces/${first}`, '00000000000000a1', true],
      [`projects/a-project/traces/${second}`, '00000000000000a2', false],
      [undefined, undefined, undefined],
    ]);
  });

  it('leaves out what is below its level, and everything when silent', () => {
    const all = `log.debug({}, 'debug'); log.info({}, 'info'); log.warn({}, 'warn'); log.error({}, 'error');`;
    const messages = (level: string) => written(level, all).map(({ message }) => message);
    assert.deepEqual(messages('debug'), ['debug', 'info', 'warn', 'error']);
    assert.deepEqual(messages('warn'), ['warn', 'error']);
    assert.deepEqual(messages('silent'), []);
  });

  it('drops fields that no log may carry, queries, and secrets at any depth', () => {
    const [entry] = written(
      'info',
      `log.info({ password: 'p', url: '/task/a?key=k', error: { token: 't', deeper: { authorization: 'Bearer b', said: 'so' } } }, 'Said.');`,
    );
    const { url, error, password } = entry as Record<string, unknown>;
    assert.equal(password, undefined);
    assert.equal(url, '/task/a');
    assert.deepEqual(error, { token: '[redacted]', deeper: { authorization: '[redacted]', said: 'so' } });
  });

  it('shows an error with its causes, and none of its other fields', () => {
    const [entry] = written(
      'info',
      `const cause = Object.assign(new TypeError('below'), { code: 'deep', password: 'p' });
       log.error({ err: new Error('above', { cause }) }, 'Failed.');`,
    );
    const { err } = entry as { err: { name: string; message: string; stack: string; cause: Record<string, unknown> } };
    assert.equal(err.name, 'Error');
    assert.equal(err.message, 'above');
    assert.match(err.stack, /^Error: above\n/);
    assert.deepEqual([err.cause.name, err.cause.code, err.cause.message], ['TypeError', 'deep', 'below']);
    assert.ok(!('password' in err.cause));
  });

  it('ends with the third cause, and so with an error that is its own', () => {
    const [entry] = written('info', `const err = new Error('own'); err.cause = err; log.error({ err }, 'Failed.');`);
    const depth = (err: unknown): number => (err === undefined ? 0 : 1 + depth((err as { cause?: unknown }).cause));
    assert.equal(depth(entry?.err), 4);
  });

  const KEY = `hg.0123456789abcdef.${'S'.repeat(43)}`;
  const planted: [what: string, text: string, left: RegExp][] = [
    ['an API key', `the key ${KEY}!`, /hg\.0123456789abcdef\.\[redacted\]!$/],
    ['half of one', `the key ${KEY.slice(0, 50)}`, /\[redacted\]$/],
    ['an ID token', `eyJhbGciOiJSUzI1NiJ9.${'S'.repeat(80)}.${'S'.repeat(80)}`, /^\[redacted\]$/],
    ['an access token', `ya29.${'S'.repeat(30)}, it was`, /^\[redacted\], it was$/],
    ['a webhook key', `whsec_${'S'.repeat(44)}`, /^whsec_\[redacted\]$/],
    ['a header', `authorization: Bearer ${'S'.repeat(20)}`, /Bearer \[redacted\]$/],
    ['a private key', `-----BEGIN PRIVATE KEY-----\nSSS\n-----END PRIVATE KEY-----\nand`, /^\[redacted\]\nand$/],
    ['an address that is signed', `GET https://a.example/x?sig=SSS failed`, /^GET https:\/\/a\.example\/x\?\[redacted\] failed$/],
    ['an address with a password', `GET https://me:SSS@a.example/x failed`, /^GET https:\/\/\[redacted\]@a\.example\/x failed$/],
  ];
  it('hides what looks like a secret, wherever it stands', () => {
    for (const [what, text, left] of planted) {
      const value = JSON.stringify(text);
      const [entry] = written(
        'info',
        `log.info({ url: ${value}, reason: ${value}, error: { deep: [${value}] }, err: new Error('a', { cause: new Error(${value}) }) }, ${value});`,
      );
      assert.doesNotMatch(JSON.stringify(entry), /SSS/, what);
      assert.match(String(entry?.message), left, what);
    }
  });

  it('hides members by their name, in any spelling; numbers stay', () => {
    const names = [
      'Authorization',
      'x-api-key',
      'apiKey',
      'outcomeToken',
      'client_secret',
      'Set-Cookie',
      'x-serverless-authorization',
    ];
    const error = Object.fromEntries(names.map((name) => [name, 'SSS']));
    const [entry] = written('info', `log.info({ error: ${JSON.stringify(error)}, counts: { tokens: 5 } }, 'Said.');`);
    assert.deepEqual(entry?.error, Object.fromEntries(names.map((name) => [name, '[redacted]'])));
    assert.deepEqual(entry?.counts, { tokens: 5 });
  });

  const odd: [what: string, fields: string][] = [
    ['a message that is no text', `{ err: Object.assign(new Error('x'), { message: { a: 1 } }) }`],
    ['a stack that is no text', `{ err: Object.assign(new Error('x'), { stack: 5 }) }`],
    ['an object without a prototype', `{ err: Object.create(null) }`],
    ['a symbol', `{ err: Symbol('x'), reason: Symbol('y') }`],
    ['a code that is a cycle', `{ err: Object.assign(new Error('x'), { code: globalThis }) }`],
    ['a getter that throws', `{ get reason() { throw new Error('g'); } }`],
    [
      'a getter of an error that throws',
      `{ err: Object.defineProperty(new Error('x'), 'code', { get() { throw new Error('g'); } }) }`,
    ],
    ['a proxy that throws', `{ err: new Proxy(new Error('x'), { get() { throw new Error('p'); } }) }`],
    ['a function that throws', `{ error: new Proxy(() => {}, { get() { throw new Error('p'); } }) }`],
    ['a toJSON that throws', `{ error: { toJSON() { throw new Error('t'); } } }`],
    ['a cause that never ends', `{ err: Object.assign(new Error('x'), { get cause() { return this; } }) }`],
    ['a text of megabytes', `{ reason: 'x'.repeat(5_000_000) }`],
    ['lines', `{ reason: 'a\\n{"severity":"DEBUG"}\\r\\u2028' }`],
  ];
  it('writes one line of anything, and throws nothing', () => {
    const statements = odd.map(
      ([, fields]) => `log.error(Object.defineProperties({ taskId: 'a' }, Object.getOwnPropertyDescriptors(${fields})), 'Said.');`,
    );
    const entries = written('info', statements.join('\n'));
    assert.equal(entries.length, odd.length);
    for (const [index, entry] of entries.entries()) {
      const what = odd[index]?.[0];
      assert.deepEqual([entry.severity, entry.taskId, entry.message], ['ERROR', 'a', 'Said.'], what);
      assert.ok(JSON.stringify(entry).length < 20_000, what);
    }
  });

  it('writes a line even of what JSON cannot carry', () => {
    const [cycle, big] = written(
      'info',
      `const error = {}; error.self = error; log.info({ taskId: 'a', error }, 'Said.'); log.info({ ms: 1n }, 'Said.');`,
    );
    assert.equal(cycle?.taskId, 'a');
    assert.equal(cycle?.message, 'Said.');
    assert.equal(big?.ms, '1');
  });
});
