import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { topology } from '../../functions/topology.ts';
import { EXAMPLE_SETTINGS } from '../../infra/settings-file.ts';
import { dollars } from '../../scripts/cost/format.ts';
import { idleRows } from '../../scripts/cost/idle.ts';
import { FLAGS, HELP, readOptions } from '../../scripts/cost/options.ts';
import { PRICES } from '../../scripts/cost/prices.ts';
import { markdownReport } from '../../scripts/cost/report.ts';
import { temporaryFolder } from '../support/folder.ts';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

function cost(...flags: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['scripts/cost.ts', ...flags], {
    cwd: ROOT,
    encoding: 'utf8',
    timeout: 30_000,
  });
  return { status, stdout, stderr };
}

describe('npm run cost', function () {
  this.timeout(30_000);

  it('tells a month by service, beside others, and what stands there without tasks', () => {
    const { status, stdout } = cost('--tasks=2e6', '--callback');
    assert.equal(status, 0);
    for (const part of ['2,000,000 tasks in mode pubsub by light', 'with a callback', 'Firestore', 'Pub/Sub', 'per million tasks'])
      assert.ok(stdout.includes(part), `${part} is missing in ${stdout}`);
    for (const part of [
      'Step Functions, 3 state transitions a task',
      'Temporal Cloud',
      'Google Workflows',
      'scaled to zero',
      'after free',
    ])
      assert.ok(stdout.includes(part), `${part} is missing in ${stdout}`);
    assert.ok(!cost('--no-free-tier').stdout.includes('after free'));
  });

  it('gives programs the same figures', () => {
    const { stdout } = cost('--json', '--tasks=10000', '--mode=http', '--region=europe-west3');
    const { load, total, services, others, notes, perMillionTasks } = JSON.parse(stdout);
    assert.deepEqual([load.tasks, load.mode, load.reads, load.place.databaseLocation], [10_000, 'http', 0, 'europe-west3']);
    const sum = Object.values(services as Record<string, { list: number }>).reduce((so, { list }) => so + list, 0);
    assert.ok(Math.abs(sum - total.list) < 1e-9);
    assert.ok(Math.abs(perMillionTasks.list - total.list * 100) < 1e-9);
    assert.equal(others.length, 3);
    assert.ok(notes.some((note: string) => note.includes('for want of prices of europe-west3: Firestore')));
  });

  it('shows every price with its source', () => {
    const { stdout } = cost('--prices');
    for (const { item, source } of Object.values(PRICES)) assert.ok(stdout.includes(item) && stdout.includes(source), item);
  });

  it('writes the README’s tables, whatever is in one’s own settings', () => {
    const { load } = readOptions([], topology);
    const { stdout } = cost('--markdown');
    assert.equal(stdout, `${markdownReport(topology, load)}\n`);
    assert.match(
      stdout,
      /^\| tasks a month .*\n\| -+ .*\n\| 10,000 .*\n\| 1,000,000 .*\n\| 100,000,000 .*\n\n\| a month without any task/,
    );
    assert.match(stdout, /`prod` of infra\/settings\.example\.yaml/);
  });

  const bad: [flags: string[], said: RegExp][] = [
    [['--tasks=many'], /--tasks is a whole number from 0 to 1000000000000, not 'many'/],
    [['--tasks=1.5'], /--tasks is a whole number/],
    [['--tasks='], /--tasks is a whole number/],
    [['--tasks=-1'], /--tasks is a whole number/],
    [['--payload-kib=30721'], /--payload-kib is a number from 0 to 30720/],
    [['--run-ms=540001'], /--run-ms is a number from 0 to 540000/],
    [['--mode=grpc'], /--mode is one of pubsub, http, not 'grpc'/],
    [['--agents=heavy'], /--agents is one of light, codex/],
    [['--region=us-central9'], /--region is one of .*us-central1/],
    [['--database-location=eur4'], /--database-location is one of eur3/],
    [['--minimum-instances=dispatch'], /--minimum-instances is like dispatch=1/],
    [['--minimum-instances=nobody=1'], /for dispatch, agent-light/],
    [['--backup-days=99'], /--backup-days is a whole number from 0 to 98/],
    [['--task=5'], /'--task'/],
    [['extra'], /extra/],
    [['--json', '--markdown'], /Choose one of --json, --markdown/],
    [['--mode=grpc', '--reads=x'], /--mode is .*\n--reads is /],
  ];
  for (const [flags, said] of bad) it(`refuses ${flags.join(' ')}`, () => assert.throws(() => readOptions(flags, topology), said));

  it('ends with 2 for a bad flag, and says where help is', () => {
    const { status, stdout, stderr } = cost('--tasks=many');
    assert.deepEqual([status, stdout], [2, '']);
    assert.match(stderr, /--tasks is .*\nnpm run cost -- --help/);
  });

  it('lists every flag that it takes', () => {
    assert.equal(cost('--help').stdout, `${HELP}\n`);
    for (const flag of Object.keys(FLAGS)) if (flag !== 'help') assert.match(HELP, new RegExp(`^  --${flag}\\b`, 'm'));
  });

  it('names the settings file that is not valid, and the setting', () => {
    const folder = temporaryFolder();
    try {
      const file = join(folder.path, 'settings.yaml');
      writeFileSync(file, 'environments:\n  dev:\n    project: acme-agents\n');
      const { load } = readOptions([], topology);
      assert.throws(() => idleRows(topology, load, file), /settings\.yaml: .*\n.*environments\.dev\.projectNumber/);
      assert.equal(idleRows(topology, load, EXAMPLE_SETTINGS).length, 6);
    } finally {
      folder.remove();
    }
  });

  it('writes dollars as people do', () =>
    assert.deepEqual([0, 0.001, 0.005, 12.345, 99.994, 99.996, 1234.5].map(dollars), [
      '$0.00',
      '<$0.01',
      '$0.01',
      '$12.35',
      '$99.99',
      '$100',
      '$1,235',
    ]));
});
