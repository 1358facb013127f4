import assert from 'node:assert/strict';
import { implicitKey } from '../../functions/dispatch/orchestrate/job-keys.ts';
import type { Refusal } from '../support/stack.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';

describe('requests of very many wrong fields', function () {
  this.timeout(30_000);
  let stack: EmbeddedTestStack;
  before(async () => {
    stack = await embeddedStack({ 'times.sweepMs': 600_000 });
  });
  after(() => stack.stop());
  const fields = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`field-${n}`, n]));

  for (const [path, body] of [
    ['/callbacks/ingest', { job_id: 'job_none', ...fields(50_000) }],
    ['/orchestrate', { intent: 'none', inputs: {}, ...fields(50_000) }],
  ] as const) {
    it(`hold nobody up: ${path}`, async () => {
      const asked = performance.now();
      const { status, body: refusal } = await stack.post<Refusal>(path, body);
      assert.deepEqual([status, refusal.code], [422, 'invalid_fields']);
      assert.ok((refusal.errors?.length ?? 0) <= 50);
      // They took four seconds and more.
      assert.ok(performance.now() - asked < 1_500, `${performance.now() - asked} ms`);
    });
  }

  it('hold nobody up that are inputs', () => {
    const asked = performance.now();
    implicitKey('any', fields(100_000));
    assert.ok(performance.now() - asked < 1_500, `${performance.now() - asked} ms`);
  });

  it('are refused that nest too deep, in a trace too', async () => {
    const nested = '{"a":'.repeat(5_000) + '1' + '}'.repeat(5_000);
    for (const body of [`{"intent":"custom","inputs":{},"trace":${nested}}`, `{"intent":"custom","inputs":${nested}}`]) {
      const { status, body: refusal } = await stack.post<Refusal>('/orchestrate', body);
      assert.deepEqual([status, refusal.code], [422, 'invalid_fields']);
    }
  });

  it('cannot reach this machine’s loopback by http.fetch', async () => {
    const inputs = { url: `${stack.url}/tasks` };
    const { body } = await stack.post<{ status: string; error?: { code: string } }>('/orchestrate', {
      intent: 'http.fetch',
      inputs,
    });
    assert.deepEqual([body.status, body.error?.code], ['error', 'egress_denied']);
  });
});
