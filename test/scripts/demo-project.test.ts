import assert from 'node:assert/strict';
import { realpathSync } from 'node:fs';
import { httpClient } from '../../scripts/demo/client.ts';
import { showProject } from '../../scripts/demo/project.ts';
import { startShoutingAgent } from '../../scripts/demo/shouting-agent.ts';
import { temporaryFolder } from '../support/folder.ts';
import { httpListener } from '../support/http-listener.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';

describe("the demo's project", function () {
  this.timeout(30_000);
  const root = temporaryFolder();
  let stack: EmbeddedTestStack;
  before(async () => {
    stack = await embeddedStack({ projectRoots: [realpathSync(root.path)] });
  });
  after(async () => {
    await stack.stop();
    root.remove();
  });

  const shown = (agentUrl: string, run: string) => {
    const folder = temporaryFolder(root.path);
    return showProject({ client: httpClient(stack.url, undefined), folder: realpathSync(folder.path), agentUrl, run });
  };

  it('has no faults when all goes well', async () => {
    const agent = await startShoutingAgent();
    const { faults, lines } = await shown(agent.url, 'well');
    await agent.close();
    assert.deepEqual(faults, []);
    assert.equal(lines.length, 10);
  });

  it('names an agent that says it has changed the file, and has not', async () => {
    const agent = await httpListener(() => ({ status: 200, body: { changed: ['message.txt'] } }));
    const { faults } = await shown(`${agent.url}/run`, 'lazy');
    await agent.close();
    assert.deepEqual(faults, ['a project: the file, after the task is Sun on the mirror., expected SUN ON THE MIRROR. and 1 more']);
  });

  it('names a task that failed, and goes on', async () => {
    const problem = { 'content-type': 'application/problem+json' };
    const agent = await httpListener(() => ({ status: 422, body: { code: 'too_loud', detail: 'No.' }, headers: problem }));
    const { faults } = await shown(`${agent.url}/run`, 'refusing');
    await agent.close();
    assert.equal(faults.length, 2);
    assert.match(String(faults[0]), /GET \/task-status is backed_up, running, failed, too_loud, expected/);
  });
});
