import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

const LOG = join(import.meta.dirname, '../../functions/adapters/log.ts');

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
      'logging.googleapis.com/trace': 'projects/a-project/traces/t',
      message: 'Said.',
    });
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
