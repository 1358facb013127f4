import assert from 'node:assert/strict';
import { delimiter } from 'node:path';
import { Problem } from '../../functions/core/errors.ts';
import { type Environment, readSettings, toEnvironment, unknownVariables, variableOf } from '../../functions/core/settings.ts';

type Settings = ReturnType<typeof readSettings>;
const refusal = (environment: Environment, flags = {}, file = {}): Problem => {
  try {
    readSettings(environment, flags, file);
  } catch (error) {
    assert.ok(error instanceof Problem);
    assert.equal(error.code, 'invalid_settings');
    return error;
  }
  assert.fail('the settings were taken');
};

describe('settings', () => {
  const precedence: [string, Environment, Record<string, unknown>, object, number][] = [
    ['the default', {}, {}, {}, 8081],
    ['the file over the default', {}, {}, { port: 1 }, 1],
    ['the environment over the file', { ORCHESTRATOR_PORT: '2' }, {}, { port: 1 }, 2],
    ['the flag over the environment', { ORCHESTRATOR_PORT: '2' }, { port: 3 }, { port: 1 }, 3],
    ['an empty variable is not set', { ORCHESTRATOR_PORT: '' }, {}, { port: 1 }, 1],
    ['a flag that is not given is not set', { ORCHESTRATOR_PORT: '2' }, { port: undefined }, {}, 2],
  ];
  for (const [name, environment, flags, file, port] of precedence) {
    it(`take ${name}`, () => assert.equal(readSettings(environment, flags, file).port, port));
  }

  const customary: [string, string, (settings: Settings) => unknown, unknown][] = [
    ['GCP_PROJECT', 'zantara-dev', (settings) => settings.project, 'zantara-dev'],
    ['GOOGLE_CLOUD_PROJECT', 'zantara-dev', (settings) => settings.project, 'zantara-dev'],
    ['PUBSUB_AUDIENCE', 'https://a.example', (settings) => settings.oidc.pushAudience, 'https://a.example'],
    ['RESULTS_PUBSUB_AUDIENCE', 'https://r.example', (settings) => settings.oidc.resultsAudience, 'https://r.example'],
    ['PUBSUB_TOPIC_ID', 'work', (settings) => settings.topics.tasks, 'work'],
    ['RESULTS_TOPIC_ID', 'done', (settings) => settings.topics.results, 'done'],
    ['AGENT_COST_PER_RUN_CENTS', '7.5', (settings) => settings.agentCostPerRunCents, 7.5],
    ['ORCHESTRATOR_TIMES_RESULT_GRACE_MS', '77', (settings) => settings.times.resultGraceMs, 77],
    ['ORCHESTRATOR_ALLOW_LOOPBACK', 'no', (settings) => settings.allowLoopback, false],
    [
      'ORCHESTRATOR_AGENTS',
      '[{"name":"a","endpoint":"https://a.example/run","priceCents":1}]',
      ({ agents }) => agents[0]?.name,
      'a',
    ],
  ];
  for (const [variable, value, read, wanted] of customary) {
    it(`read ${variable}`, () => assert.deepEqual(read(readSettings({ [variable]: value })), wanted));
  }

  it('take our own variable before the customary one', () => {
    assert.equal(readSettings({ GCP_PROJECT: 'from-custom', ORCHESTRATOR_PROJECT: 'from-ours' }).project, 'from-ours');
    assert.equal(readSettings({ GOOGLE_CLOUD_PROJECT: 'from-google', GCP_PROJECT: 'from-custom' }).project, 'from-custom');
  });

  it('verify pushes unless a local run says otherwise', () => {
    assert.deepEqual([readSettings({}).oidc.verifyPush, readSettings({}).oidc.verifyResults], [true, true]);
    const local = readSettings({ PUBSUB_VERIFY_OIDC: 'false', RESULTS_PUBSUB_VERIFY_OIDC: '0' }, { runtime: 'embedded' });
    assert.deepEqual([local.oidc.verifyPush, local.oidc.verifyResults], [false, false]);
  });

  const bad: [string, string, string][] = [
    ['port', 'ORCHESTRATOR_PORT', '70000'],
    ['port', 'ORCHESTRATOR_PORT', 'many'],
    ['runtime', 'ORCHESTRATOR_RUNTIME', 'moon'],
    ['times.sweepMs', 'ORCHESTRATOR_TIMES_SWEEP_MS', '-1'],
    ['times.runMaximumMs', 'ORCHESTRATOR_TIMES_RUN_MAXIMUM_MS', '540001'],
    ['limits.inlineBytes', 'ORCHESTRATOR_LIMITS_INLINE_BYTES', '1'],
    ['agents', 'ORCHESTRATOR_AGENTS', '{not json'],
    ['agents.0.name', 'ORCHESTRATOR_AGENTS', '[{"name":"Bad Name","endpoint":"https://a.example","priceCents":1}]'],
    ['project', 'GCP_PROJECT', 'UPPER'],
    ['projectRoots.0', 'ORCHESTRATOR_PROJECT_ROOTS', 'srv'],
    ['projectRoots.0', 'ORCHESTRATOR_PROJECT_ROOTS', 'gs://UPPER'],
    ['projectRoots.0', 'ORCHESTRATOR_PROJECT_ROOTS', 'gs://acme/a//b'],
    ['projectRoots.0', 'ORCHESTRATOR_PROJECT_ROOTS', 'gs://acme/../b'],
  ];
  for (const [field, variable, value] of bad) {
    it(`refuse ${variable}=${value.slice(0, 20)} and name the field and its variable`, () => {
      const problem = refusal({ [variable]: value });
      assert.ok(
        problem.fields.some((one) => one.field === field),
        JSON.stringify(problem.fields),
      );
      assert.ok(problem.message.includes(`${field} (${variableOf(field.replace(/\.0.*/, ''))}) `), problem.message);
    });
  }

  const said: [string, Environment, object, RegExp][] = [
    ['a word for a number', { ORCHESTRATOR_PORT: 'many' }, {}, /^ {2}port \(ORCHESTRATOR_PORT\) has to be a number$/m],
    ['too much', { ORCHESTRATOR_PORT: '70000' }, {}, /port \(ORCHESTRATOR_PORT\) is out of range: it has to be <=65535$/m],
    ['a misspelt setting', {}, { prot: 1 }, /^ {2}prot is not a setting; did you mean port\?$/m],
    ['a misspelt inner one', {}, { times: { sweepms: 1 } }, /times\.sweepms is not a setting; did you mean times\.sweepMs\?$/m],
    ['a misspelt group', {}, { tiems: { sweepMs: 1 } }, /^ {2}tiems is not a setting; did you mean times\?$/m],
    ['one like no other', {}, { moon: 1 }, /moon is not a setting$/m],
    ['a text for settings', {}, { oidc: 5 }, /^ {2}oidc has to be an object, not a number$/m],
  ];
  for (const [name, environment, file, message] of said)
    it(`say in words: ${name}`, () => assert.match(refusal(environment, {}, file).message, message));

  it('take folders and places in buckets as roots of projects, in the cloud buckets alone', () => {
    const roots = (text: string, more = {}) =>
      readSettings({ ORCHESTRATOR_RUNTIME: 'embedded', ORCHESTRATOR_PROJECT_ROOTS: text, ...more }).projectRoots;
    const mixed = ['gs://acme', '/srv/a', 'gs://acme-2/team/a', '/srv/gs'];
    assert.deepEqual(roots(mixed.join(delimiter)), mixed);
    assert.deepEqual(roots(JSON.stringify(mixed)), mixed);
    assert.deepEqual(roots('gs://acme', { ORCHESTRATOR_RUNTIME: 'cloud' }), ['gs://acme']);
    assert.match(
      refusal({ ORCHESTRATOR_PROJECT_ROOTS: mixed.join(delimiter), ORCHESTRATOR_RUNTIME: 'cloud' }).message,
      /projectRoots \(folders\)/,
    );
  });

  it('name the variables that set nothing', () => {
    const environment = {
      ORCHESTRATOR_PROT: '1',
      ORCHESTRATOR_MOON: '1',
      ORCHESTRATOR_PORT: '1',
      ORCHESTRATOR_URL: 'u',
      PORT: '1',
    };
    assert.deepEqual(unknownVariables({ ...environment, ORCHESTRATOR_EMPTY: '' }), [
      'ORCHESTRATOR_PROT is not a setting, and ignored; did you mean ORCHESTRATOR_PORT?',
      'ORCHESTRATOR_MOON is not a setting, and ignored',
    ]);
    assert.deepEqual(unknownVariables(toEnvironment(readSettings({}))), []);
  });

  const localOnly: [string, Environment][] = [
    ['auth', { ORCHESTRATOR_AUTH: 'open' }],
    ['allowLoopback', { ORCHESTRATOR_ALLOW_LOOPBACK: 'true' }],
    ['oidc.verifyPush', { PUBSUB_VERIFY_OIDC: 'false' }],
    ['oidc.verifyResults', { RESULTS_PUBSUB_VERIFY_OIDC: 'false' }],
  ];
  for (const [setting, environment] of localOnly) {
    it(`refuse ${setting} of local runs in the cloud`, () =>
      assert.match(refusal({ ...environment, ORCHESTRATOR_RUNTIME: 'cloud' }).message, new RegExp(setting)));
  }

  it('survive the way through the environment of another process', () => {
    const agents = [{ name: 'remote', endpoint: 'http://127.0.0.1:1/run', priceCents: 2.5 }];
    const settings = readSettings({}, { runtime: 'embedded', auth: 'open', agents, 'times.sweepMs': 500, dataDir: '/a b' });
    assert.deepEqual(readSettings(toEnvironment(settings)), settings);
  });
});
