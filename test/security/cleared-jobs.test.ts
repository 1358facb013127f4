import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { newApiKey, type Scope } from '../../functions/core/authenticate.ts';
import { until } from '../support/folder.ts';
import { httpListener, type Listener } from '../support/http-listener.ts';
import type { Refusal } from '../support/stack.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';

type Headers = Record<string, string>;
interface Job {
  readonly job_id: string;
  readonly status: string;
  readonly result?: { readonly dry_run?: boolean; readonly from?: string };
}

const STAND_IN = fileURLToPath(new URL('../support/mcp-stand-in.ts', import.meta.url));

describe('what a job is cleared for', function () {
  this.timeout(30_000);
  let stack: EmbeddedTestStack;
  let flow: Listener;
  before(async () => {
    flow = await httpListener(({ path }) => ({ status: 200, body: { from: path } }));
    stack = await embeddedStack({
      auth: 'required',
      'times.agentsCacheMs': 1,
      'times.switchesMs': 50,
      mcpServers: [{ name: 'odd', command: process.execPath, args: [STAND_IN], env: { RECORD: '/dev/null' } }],
      intents: [{ name: 'danger.wipe', mode: 'mcp', target: 'odd/wipe', dangerous: true }],
      dangerousIntents: ['ssh.exec', 'mine'],
    });
  });
  after(async () => {
    await stack.stop();
    await flow.close();
  });

  async function keyOf(tenant: string, ...scopes: Scope[]): Promise<Headers> {
    const random = (bytes: number) => Buffer.from(crypto.getRandomValues(new Uint8Array(bytes))).toString('hex');
    const { key, id, record } = newApiKey(random, { tenant, scopes, createdAt: Date.now() });
    await stack.control.commit([{ kind: 'create', collection: 'keys', id, data: { ...record } }]);
    return { authorization: `Bearer ${key}` };
  }
  const ask = <T = Job>(body: object, headers: Headers) => stack.post<T>('/orchestrate', body, headers);

  it('is the operator’s name for a tool, whatever a tenant calls it', async () => {
    const admin = await keyOf('acme', 'admin', 'dangerous');
    assert.equal((await stack.put('/intents/ssh.exec', { mode: 'mcp', target: 'odd/wipe' }, admin)).status, 200);
    for (const intent of ['ssh.exec', 'danger.wipe', 'mcp.odd.wipe']) {
      const body = { intent, mode: 'mcp', inputs: { confirm_dangerous: true } };
      const { status, body: refusal } = await ask<Refusal>(body, admin);
      assert.deepEqual([status, refusal.code], [403, 'not_cleared'], intent);
    }
  });

  it('is what its intent led to when it was cleared', async () => {
    const [admin, cleared] = [await keyOf('other', 'admin'), await keyOf('other', 'dispatch', 'dangerous')];
    const lead = (path: string) => stack.put('/intents/mine', { mode: 'flow', target: flow.url + path, dangerous: true }, admin);
    await lead('/harmless');
    await stack.put('/policies/approvals', { agents: ['flow:mine'] }, admin);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const inputs = { confirm_dangerous: true };
    const { body } = await ask({ intent: 'mine', mode: 'flow', inputs }, cleared);
    assert.equal(body.status, 'accepted', JSON.stringify(body));
    await lead('/fatal');
    const { approvals } = (await stack.get<{ approvals: { taskId: string; hash: string }[] }>('/approvals', admin)).body;
    const { taskId, hash } = approvals[0] as { taskId: string; hash: string };
    assert.equal((await stack.post(`/approvals/${taskId}`, { decision: 'approve', hash }, admin)).status, 200);
    const job = async () => (await stack.get<Job>(`/jobs/${body.job_id}`, admin)).body;
    await until(async () => (await job()).status === 'success');
    assert.equal((await job()).result?.dry_run, true);
    assert.deepEqual(
      flow.received.map(({ path }) => path),
      [],
    );
  });

  it('is not what another name of the same tool is held up by', async () => {
    const admin = await keyOf('third', 'admin');
    const { body } = await ask<Job & { mode: string }>({ intent: 'mcp.odd.wipe', inputs: {} }, admin);
    const job = (await stack.get<{ intent: string }>(`/jobs/${body.job_id}`, admin)).body;
    assert.equal(job.intent, 'danger.wipe');
  });
});
