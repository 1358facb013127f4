import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import { until } from '../support/folder.ts';
import type { GatedAgent } from '../support/gated-agent.ts';
import type { Refusal, TestStack, View } from '../support/stack.ts';

/** How long an instance may remember a switchboard here. */
export const SWITCHES_MS = 400;

/** `GET /switches`. */
export interface Held {
  readonly stopped?: { readonly since: string; readonly by: string; readonly effectiveAt: string };
  readonly paused: readonly {
    readonly agent?: string;
    readonly project?: string;
    readonly all?: boolean;
    readonly since: string;
    readonly effectiveAt: string;
  }[];
  readonly off: readonly { readonly agent: string; readonly since: string; readonly effectiveAt: string }[];
}

/** As soon as every instance has heard of it, a new task waits for somebody to resume. */
export async function untilHeld(stack: TestStack, packet: Record<string, unknown> = {}): Promise<View> {
  let held: View | undefined;
  await until(
    async () => {
      const { body } = await stack.dispatch({ mode: 'pubsub', ...packet });
      held = JSON.stringify(body.waitingFor ?? []).includes('resume') ? body : undefined;
      return held !== undefined;
    },
    SWITCHES_MS * 2 + 5_000,
  );
  return held as View;
}

/** What pausing does on every runtime. */
export function pausing(stackOf: () => TestStack, agentOf: () => GatedAgent): void {
  const pause = (body: object) => stackOf().post<Held>('/pause', body);
  const resume = (body: object) => stackOf().post<Held>('/resume', body);

  it('holds up what is dispatched to an agent, in both modes, and lets it go on when that is resumed', async () => {
    const { status, body } = await stackOf().post<Held>('/agents/light/pause', {});
    assert.deepEqual([status, body.paused.map(({ agent }) => agent)], [200, ['light']]);
    const first = await untilHeld(stackOf());
    const second = await stackOf().dispatch({ mode: 'http' });
    assert.deepEqual([second.status, second.body.status, second.body.waitingFor], [202, 'waiting', ['resume']]);
    assert.equal((await stackOf().run({ agent: 'codex' })).status, 'succeeded');
    assert.deepEqual((await stackOf().post<Held>('/agents/light/resume', {})).body.paused, []);
    for (const { id } of [first, second.body]) {
      const view = await stackOf().ended(id);
      assert.deepEqual([view.status, view.attempts, view.waitingFor], ['succeeded', 1, undefined]);
      const waits = view.timeline.filter((entry) => entry.event === 'waiting') as { for?: unknown }[];
      assert.ok(waits.length > 0 && waits.every((entry) => isDeepStrictEqual(entry.for, ['resume'])), JSON.stringify(waits));
    }
  });

  it('says from when it holds everywhere', async () => {
    const { body } = await pause({ all: true });
    const stopped = (await stackOf().post<Held>('/emergency-stop', {})).body.stopped;
    const off = (await stackOf().post<{ effectiveAt?: string }>('/agents/codex/disable', {})).body;
    const held = (await stackOf().get<Held>('/switches')).body;
    for (const { since, effectiveAt } of [body.paused[0], stopped, held.off[0]] as { since: string; effectiveAt: string }[]) {
      assert.equal(Date.parse(effectiveAt) - Date.parse(since), SWITCHES_MS + 1_000);
    }
    assert.equal(off.effectiveAt, held.off[0]?.effectiveAt);
    assert.equal((await stackOf().post<{ effectiveAt?: string }>('/agents/codex/enable', {})).body.effectiveAt, undefined);
    await stackOf().delete('/emergency-stop');
    await resume({ all: true });
  });

  it('holds up everything, while what runs goes on to its end', async () => {
    const { packet, open } = agentOf().gate();
    const running = (await stackOf().dispatch(packet)).body;
    await stackOf().reaches(running.id, 'running');
    await pause({ all: true });
    const waiting = await untilHeld(stackOf());
    open();
    assert.equal((await stackOf().ended(running.id)).status, 'succeeded');
    assert.equal((await stackOf().get(`/task/${waiting.id}`)).body.status, 'waiting');
    await resume({ all: true });
    assert.equal((await stackOf().ended(waiting.id)).status, 'succeeded');
  });

  it('holds up what is for one project, and nothing else', async () => {
    const project = await aProject(stackOf(), 'default');
    const { body } = await pause({ project });
    assert.deepEqual(
      body.paused.map((one) => one.project),
      [project],
    );
    const waiting = await untilHeld(stackOf(), { projectId: project });
    assert.equal((await stackOf().run({})).status, 'succeeded');
    await resume({ project });
    assert.equal((await stackOf().ended(waiting.id)).status, 'succeeded');
  });

  it('ends with the last pause that holds a task, whatever else is resumed', async () => {
    await pause({ agent: 'light' });
    await pause({ all: true });
    const waiting = await untilHeld(stackOf());
    assert.deepEqual(
      (await resume({ all: true })).body.paused.map(({ agent }) => agent),
      ['light'],
    );
    await new Promise((resolve) => setTimeout(resolve, 3 * SWITCHES_MS));
    assert.equal((await stackOf().get(`/task/${waiting.id}`)).body.status, 'waiting');
    await resume({ agent: 'light' });
    assert.equal((await stackOf().ended(waiting.id)).status, 'succeeded');
  });

  it('changes nothing the second time: what is held stays so, since when it was', async () => {
    const [first, second] = [await pause({ agent: 'codex' }), await pause({ agent: 'codex' })];
    assert.deepEqual([second.status, second.body], [200, first.body]);
    assert.deepEqual((await stackOf().get<Held>('/switches')).body, first.body);
    assert.deepEqual((await resume({ agent: 'codex' })).body.paused, []);
    assert.deepEqual((await resume({ agent: 'codex' })).body.paused, []);
  });

  it('loses none of many that come at once', async () => {
    const project = await aProject(stackOf(), 'default');
    const things = [{ agent: 'light' }, { agent: 'codex' }, { agent: 'gated' }, { project }, { all: true }];
    for (const act of [pause, resume]) {
      const answers = await Promise.all(things.map(act));
      assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
      const { paused } = (await stackOf().get<Held>('/switches')).body;
      assert.equal(paused.length, act === pause ? things.length : 0);
    }
  });

  it('is about one thing that there is', async () => {
    for (const way of ['/pause', '/resume']) {
      for (const body of [{}, { agent: 'light', all: true }, { all: false }, { agent: 'light', project: 'p' }]) {
        const { status, body: refusal } = await stackOf().post<Refusal>(way, body);
        assert.deepEqual([status, refusal.code], [422, 'invalid_fields'], JSON.stringify(body));
      }
      assert.equal((await stackOf().post<Refusal>(way, { agent: 'nobody' })).body.code, 'agent_not_found');
      assert.equal((await stackOf().post<Refusal>(way, { project: 'nothing' })).body.code, 'project_not_found');
    }
    assert.deepEqual((await stackOf().get<Held>('/switches')).body, { paused: [], off: [] });
  });
}

/** A tenant's project, as it is recorded once it was submitted. */
export async function aProject(stack: TestStack, tenant: string): Promise<string> {
  const id = Buffer.from(crypto.getRandomValues(new Uint8Array(20))).toString('hex');
  const at = Date.now();
  const data = { tenant, projectPath: `/projects/${id}`, description: '', createdAt: at, updatedAt: at, by: 'test' };
  await stack.documents.commit([{ kind: 'create', collection: 'projects', id, data }]);
  return id;
}
