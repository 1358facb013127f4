import { describeWithEmulators } from '../support/emulators.ts';
import { embeddedStack } from '../support/stack-embedded.ts';
import { emulatedStack } from '../support/stack-emulated.ts';
import { countsAttempts, knowsNoOtherAgents, registersAgents, showsTasks, submitsTasks } from './agents-and-tasks.ts';
import { rollsBack, versionsBackups } from './backups.ts';
import { type Fog, fogAgent, fogFolder, fogOn } from './kit.ts';
import { backsUpBeforeModifications } from './modifications.ts';
import { keepsAnAudit, obeysPeople, showsTheState } from './oversight.ts';
import { mapsDependencies, submitsProjects } from './projects.ts';

const ROWS: readonly (readonly [string, (fog: () => Fog) => void])[] = [
  ['F1, agents', registersAgents],
  ['F2, projects', submitsProjects],
  ['F3, tasks', submitsTasks],
  ['F4, a backup before a modification', backsUpBeforeModifications],
  ['F5, a task’s status', showsTasks],
  ['F6, attempts', countsAttempts],
  ['F7, unknown agents', knowsNoOtherAgents],
  ['F8, backups', versionsBackups],
  ['F9, rollback', rollsBack],
  ['F10, the dependency map', mapsDependencies],
  ['F11, the state of the system', showsTheState],
  ['F12, the audit trail', keepsAnAudit],
  ['F13, human control', obeysPeople],
];

/** Every row of the gateway's catalogue, on one stack of each runtime. */
function keepsEveryRow(start: (flags: Readonly<Record<string, unknown>>) => Promise<Fog['stack']>): void {
  let fog: Fog | undefined;
  const release = new AsyncDisposableStack();

  before(async function () {
    this.timeout(90_000);
    const folder = release.adopt(fogFolder(), ({ remove }) => remove());
    const agent = release.adopt(await fogAgent(), (it) => it.close());
    const stack = release.adopt(
      await start({ projectRoots: [folder.root], 'times.switchesMs': 200, 'times.agentsCacheMs': 200, 'times.limitsCacheMs': 200 }),
      (it) => it.stop(),
    );
    fog = fogOn(stack, agent, folder.root);
    await stack.post('/register-agent', { name: 'worker', endpoint: agent.url });
    // The first run of a process may outlast a lease, and the first backup what a request waits.
    await Promise.all([stack.run({}), stack.post('/submit-project', { project_path: fog.project() })]);
  });
  after(async function () {
    this.timeout(30_000);
    await release.disposeAsync();
  });

  for (const [title, row] of ROWS) describe(title, () => row(() => fog as Fog));
}

describe('the rows of the gateway, embedded', function () {
  this.timeout(30_000);
  keepsEveryRow(embeddedStack);
});

describeWithEmulators("the rows of the gateway, on Google's emulators", function () {
  this.timeout(60_000);
  keepsEveryRow(emulatedStack);
});
