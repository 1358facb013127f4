import assert from 'node:assert/strict';
import { describeWithEmulators } from '../../support/emulators.ts';
import { temporaryFolder, until } from '../../support/folder.ts';
import { everythingOverHttp, type HttpServer, pidsOf } from '../../support/mcp-servers.ts';
import type { TestStack } from '../../support/stack.ts';
import { embeddedStack } from '../../support/stack-embedded.ts';
import { emulatedStack } from '../../support/stack-emulated.ts';
import { calling, markOf, settingsWith } from './calling.ts';

function suite(runtime: string, start: (settings: Record<string, unknown>) => Promise<TestStack>): void {
  const mark = markOf(runtime);
  let stack: TestStack;
  let remote: HttpServer;
  const folder = temporaryFolder();
  before(async function () {
    this.timeout(60_000);
    remote = await everythingOverHttp();
    stack = await start(settingsWith(mark, `${folder.path}/record`, remote));
  });
  after(async () => {
    await stack?.stop();
    await remote?.stop();
    folder.remove();
  });

  calling(
    () => stack,
    () => folder.path,
    mark,
  );

  it('leaves no process behind when it stops', async () => {
    const { body } = await stack.post<{ result: { text: string }[] }>('/orchestrate', { intent: 'mcp.odd.stay' });
    const pid = Number(body.result[0]?.text);
    assert.ok(pidsOf(mark).includes(pid) && pidsOf(mark).length >= 2);
    await stack.stop();
    await until(() => pidsOf(mark).length === 0, 2_000);
  });
}

describe('tools of MCP servers, embedded', function () {
  this.timeout(60_000);
  suite('embedded', embeddedStack);
});

describeWithEmulators('tools of MCP servers', function () {
  this.timeout(60_000);
  suite('emulated', emulatedStack);
});
