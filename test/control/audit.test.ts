import assert from 'node:assert/strict';
import { AUDIT, AUDIT_HEADS, auditEntry, auditId, commitAudited } from '../../functions/core/audit/audit.ts';
import { PreconditionFailed } from '../../functions/core/ports.ts';
import type { Runtime } from '../../functions/core/runtime.ts';
import { brokenLink } from '../../functions/core/signing.ts';
import type { ChainHead, TimelineEntry } from '../../functions/core/task.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';

describe('the record of decisions about agents', function () {
  this.timeout(20_000);
  let stack: EmbeddedTestStack;
  before(async () => {
    stack = await embeddedStack();
  });
  after(() => stack.stop());

  const register = (name: string, part: object = {}) => stack.post('/register-agent', { name, handler_type: 'mock', ...part });
  async function recorded(entity: string): Promise<TimelineEntry[]> {
    const id = auditId('default', entity);
    const entries: TimelineEntry[] = [];
    for (let count = 1; ; count++) {
      const stored = await stack.control.get(AUDIT, `${id}-${count}`);
      if (stored === undefined) return entries;
      entries.push(auditEntry(stored.data));
    }
  }
  const headOf = async (entity: string) =>
    (await stack.control.get(AUDIT_HEADS, auditId('default', entity)))?.data.chain as ChainHead;

  it('has an entry for each, by whom and about what, chained to the one before', async () => {
    await register('a', { priceCents: 3 });
    await register('a', { enabled: false });
    await stack.post('/agents/a/enable', {});
    await stack.post('/agents/a/disable', {});
    await stack.delete('/agents/a');
    await register('a');
    const entries = await recorded('agent:a');
    assert.deepEqual(
      entries.map(({ event, actor, tenant, entity }) => [event, actor, tenant, entity]),
      ['registered', 'replaced', 'enabled', 'disabled', 'deleted', 'registered'].map((event) => [
        event,
        'local',
        'default',
        'agent:a',
      ]),
    );
    assert.deepEqual(entries[0]?.detail, { type: 'mock', priceCents: 3, timeLimitSeconds: 540 });
    assert.equal(brokenLink(stack.signing, entries), -1);
    assert.deepEqual(await headOf('agent:a'), { head: entries.at(-1)?.hash, count: 6 });
  });

  it('shows an edit, a deletion and a swap', async () => {
    const entries = await recorded('agent:a');
    const [first, second] = entries as [TimelineEntry, TimelineEntry];
    assert.equal(brokenLink(stack.signing, entries.with(1, { ...second, actor: 'nobody' })), 1);
    assert.equal(brokenLink(stack.signing, entries.toSpliced(0, 1)), 0);
    assert.equal(brokenLink(stack.signing, entries.with(0, second).with(1, first)), 0);
  });

  it('has none for what was refused, nor for a heartbeat', async () => {
    await register('../x');
    await stack.delete('/agents/nobody');
    await stack.post('/agents/nobody/disable', {});
    await stack.post('/agents/a/heartbeat', {});
    assert.deepEqual(await recorded('agent:nobody'), []);
    assert.equal((await recorded('agent:a')).length, 6);
  });

  it('is without a gap or a fork when many decide at once, and the last decision is what stands', async () => {
    const ways = Array.from({ length: 30 }, (_, n) => (n % 2 === 0 ? 'enable' : 'disable'));
    await register('b');
    const replies = await Promise.all(ways.map((way) => stack.post(`/agents/b/${way}`, {})));
    assert.ok(replies.every(({ status }) => status === 200 || status === 503));
    const decided = replies.filter(({ status }) => status === 200).length;
    const entries = await recorded('agent:b');
    assert.equal(entries.length, decided + 1);
    assert.equal(brokenLink(stack.signing, entries), -1);
    const { body } = await stack.get<{ enabled: boolean }>('/agents/b');
    assert.equal(body.enabled, entries.at(-1)?.event === 'enabled');
  });

  it('counts a decision once whose reply was lost', async () => {
    const runtime = stack.runtime('control');
    let lost = 0;
    const control: Runtime['control'] = {
      ...runtime.control,
      async commit(writes) {
        const written = await runtime.control.commit(writes);
        if (lost++ === 0) throw new PreconditionFailed('The reply was lost, and the repeat refused.');
        return written;
      },
    };
    const subject = { tenant: 'default', entity: 'test:lost', actor: 'test' };
    let decided = 0;
    const answer = await commitAudited({ ...runtime, control }, subject, async () => {
      decided += 1;
      return { writes: [], event: 'tried', answer: decided };
    });
    assert.deepEqual([answer, decided, (await recorded('test:lost')).length], [1, 1, 1]);
  });

  it('and what is decided are written together, or neither', async () => {
    const subject = { tenant: 'default', entity: 'test:neither', actor: 'test' };
    const write = { kind: 'create', collection: 'agents', id: auditId('default', 'agent:taken'), data: {} } as const;
    await stack.control.commit([write]);
    const tried = commitAudited(stack.runtime('control'), subject, async () => ({ writes: [write], event: 'tried', answer: 1 }));
    await assert.rejects(tried, { code: 'contention' });
    assert.deepEqual(await recorded('test:neither'), []);
  });
});
