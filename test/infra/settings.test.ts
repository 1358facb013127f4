import assert from 'node:assert/strict';
import { topology } from '../../functions/topology.ts';
import { parseEnvironment } from '../../infra/settings.ts';
import { EXAMPLE_SETTINGS, readEnvironment } from '../../infra/settings-file.ts';
import { environmentOf } from './synthesized.ts';

const refused = (content: unknown, environment = 'dev'): string => {
  try {
    parseEnvironment(content, environment, topology);
  } catch (error) {
    return (error as Error).message;
  }
  return assert.fail('was accepted');
};
const dev = (more: Record<string, unknown>) => ({ environments: { dev: environmentOf(more) } });
const without = (field: string) => {
  const { [field]: _, ...rest }: Record<string, unknown> = environmentOf();
  return { environments: { dev: rest } };
};

describe('the settings of a deployment', () => {
  it('are accepted as the example has them', () => {
    assert.equal(readEnvironment(EXAMPLE_SETTINGS, 'dev', topology).region, 'us-central1');
    assert.equal(readEnvironment(EXAMPLE_SETTINGS, 'prod', topology).backupRetentionDays, 30);
  });

  const rows: [name: string, content: unknown, line: RegExp][] = [
    ['an unknown key', dev({ reigon: 'us-central1' }), /^ {2}environments\.dev\.reigon: is not a setting$/m],
    ['an unknown key at the top', { ...dev({}), stages: {} }, /^ {2}stages: is not a setting$/m],
    ['a region that there is not', dev({ region: 'us-centrall1' }), /^ {2}environments\.dev\.region: 'us-centrall1' is no region/m],
    ['no region', without('region'), /^ {2}environments\.dev\.region: /m],
    [
      'backups for less than a day',
      dev({ backupRetentionDays: 0 }),
      /^ {2}environments\.dev\.backupRetentionDays: is at least a day$/m,
    ],
    ['backups for half a day', dev({ backupRetentionDays: 0.5 }), /^ {2}environments\.dev\.backupRetentionDays: /m],
    ['no audience', without('projectNumber'), /^ {2}environments\.dev\.projectNumber: is missing.* audience/m],
    ['an empty audience', dev({ projectNumber: '' }), /^ {2}environments\.dev\.projectNumber: .* audience/m],
    ['a project number without quotes', dev({ projectNumber: 123456789012 }), /^ {2}environments\.dev\.projectNumber: .* quote/m],
    ['no project', without('project'), /^ {2}environments\.dev\.project: is missing$/m],
    ['a project that is none', dev({ project: 'Acme' }), /^ {2}environments\.dev\.project: is no Google Cloud project id$/m],
    ['no bucket for the state', without('stateBucket'), /^ {2}environments\.dev\.stateBucket: is missing$/m],
    [
      'a public push function',
      dev({ publicFunctions: ['results'] }),
      /^ {2}environments\.dev\.publicFunctions\.0: is no front function/m,
    ],
    ['everybody as a caller', dev({ callers: ['allUsers'] }), /^ {2}environments\.dev\.callers\.0: /m],
    ['instances of no function', dev({ minimumInstances: { dispatcher: 1 } }), /^ {2}environments\.dev\.minimumInstances\.?/m],
    [
      'more warm instances than there may be',
      dev({ minimumInstances: { dispatch: 5 }, maximumInstances: 4 }),
      /^ {2}environments\.dev\.minimumInstances\.dispatch: is at most 4/m,
    ],
    [
      'more warm instances than the row allows',
      dev({ minimumInstances: { sweeper: 3 }, maximumInstances: 100 }),
      /^ {2}environments\.dev\.minimumInstances\.sweeper: is at most 2/m,
    ],
    ['no instances at all', dev({ maximumInstances: 0 }), /^ {2}environments\.dev\.maximumInstances: /m],
    ['a variable that no function reads', dev({ variables: { PATH: '/' } }), /^ {2}environments\.dev\.variables/m],
    [
      'a variable that the stack sets',
      dev({ variables: { ORCHESTRATOR_PROJECT: 'other' } }),
      /variables\.ORCHESTRATOR_PROJECT: is set/,
    ],
    [
      'a domain that is none',
      dev({ publicFunctions: 'all', balancer: { domain: 'localhost' } }),
      /^ {2}environments\.dev\.balancer\.domain: /m,
    ],
    [
      'a balancer before a closed function',
      dev({ balancer: { domain: 'heliograph.example.com' } }),
      /^ {2}environments\.dev\.balancer: needs dispatch(, [a-z-]+)* to be public$/m,
    ],
    [
      'a text that Terraform would carry out',
      dev({ variables: { AGENT_COST_PER_RUN_CENTS: `\${file("/etc/passwd")}` } }),
      /^ {2}environments\.dev\.variables\.AGENT_COST_PER_RUN_CENTS: has \$\{ or %\{, which Terraform would carry out$/m,
    ],
    [
      'another one, in a list',
      dev({ callers: ['user:%{if true}somebody@example.com%{endif}'.replaceAll(' ', '_')] }),
      /^ {2}environments\.dev\.callers\.0: has /m,
    ],
    ['a project in no bucket', dev({ projectBuckets: ['/srv'] }), /^ {2}environments\.dev\.projectBuckets\.0: is no gs:/m],
    [
      'projects in the backups',
      dev({ projectBuckets: ['gs://acme-projects', 'gs://acme-agents-heliograph-backups/x'] }),
      /^ {2}environments\.dev\.projectBuckets\.1: is a bucket of Heliograph's own$/m,
    ],
    [
      'projects in the state',
      dev({ projectBuckets: ['gs://acme-agents-state'] }),
      /projectBuckets\.0: is a bucket of Heliograph's own$/m,
    ],
    ['nothing at all', null, /^ {2}the file: is empty$/m],
    ['a list', [], /^ {2}the file: /m],
    ['no environments', { environments: null }, /^ {2}environments: is empty$/m],
    ['an empty environment', { environments: { dev: null } }, /^ {2}environments\.dev: is empty$/m],
    ['a field without its value', dev({ stateBucket: null }), /^ {2}environments\.dev\.stateBucket: is empty$/m],
    ['an unknown variable', dev({ variables: { FOO: '1' } }), /^ {2}environments\.dev\.variables\.FOO: is not a setting$/m],
    ['a third environment', { environments: { test: environmentOf() } }, /^ {2}environments/m],
  ];
  for (const [name, content, line] of rows)
    it(`are refused with ${name}, by the field’s name`, () => assert.match(refused(content), line));

  it('are refused without the environment that was asked for', () => {
    assert.match(refused(dev({}), 'prod'), /environments\.prod: is missing/);
    assert.match(refused(dev({}), 'test'), /environments\.test: is missing/);
    assert.match(refused(dev({}), 'test'), /environments\.test: .* dev or prod$/m);
  });

  it('are refused where two environments share a project', () => {
    assert.match(refused({ environments: { dev: environmentOf(), prod: environmentOf() } }), /each needs a project of its own/);
  });

  it('are refused for a mistake in the other environment too', () => {
    assert.match(refused({ environments: { dev: environmentOf(), prod: { project: 'x' } } }), /environments\.prod\.project/);
  });
});
