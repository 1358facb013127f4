import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readCommandLine } from '../../emulator-bridge/command-line.ts';
import { curlLines, welcome } from '../../emulator-bridge/welcome.ts';
import { keyedId } from '../../functions/core/create.ts';
import { type Environment, readSettings, type Settings } from '../../functions/core/settings.ts';

describe('start flags', () => {
  const folder = mkdtempSync(join(tmpdir(), 'heliograph-flags-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const yaml = file('a.yaml', 'port: 9001\nauth: required\ntimes:\n  sweepMs: 700\n');
  const json = file('a.json', '{"port": 9002}');
  const list = file('list.yaml', '- 1\n');
  const broken = file('broken.yaml', 'a: [');

  const read = (args: string[], environment: Environment = {}): Settings => {
    const command = readCommandLine(args, environment);
    assert.equal(command.kind, 'start');
    return (command as { settings: Settings }).settings;
  };

  const rows: [string, string[], Environment, (settings: Settings) => unknown, unknown][] = [
    [
      'is embedded, open and local by default',
      [],
      {},
      (s) => [s.runtime, s.auth, s.allowLoopback, s.port],
      ['embedded', 'open', true, 8081],
    ],
    ['--emulators', ['--emulators'], {}, (s) => s.runtime, 'emulators'],
    ['--port over environment and file', ['--port', '0', '--config', yaml], { ORCHESTRATOR_PORT: '5' }, (s) => s.port, 0],
    ['the environment over the file', ['--config', yaml], { ORCHESTRATOR_PORT: '5' }, (s) => s.port, 5],
    ['YAML', [`--config=${yaml}`], {}, (s) => [s.port, s.times.sweepMs, s.auth], [9001, 700, 'required']],
    ['JSON', ['--config', json], {}, (s) => s.port, 9002],
    ['--data-dir', ['--data-dir', '/x'], {}, (s) => s.dataDir, '/x'],
    ['the data folder from the environment', [], { ORCHESTRATOR_DATA_DIR: '/y' }, (s) => s.dataDir, '/y'],
    ['--keys', ['--keys'], {}, (s) => s.auth, 'required'],
    ['--keys over an open environment', ['--keys'], { ORCHESTRATOR_AUTH: 'open' }, (s) => s.auth, 'required'],
    ['keys by the environment', [], { ORCHESTRATOR_AUTH: 'required' }, (s) => s.auth, 'required'],
    [
      '--set, several times',
      ['--set', 'times.sweepMs=5', '--set=project=abc-def'],
      {},
      (s) => [s.times.sweepMs, s.project],
      [5, 'abc-def'],
    ],
    ['--set of what has a flag too', ['--set', 'auth=required', '--set', 'port=7'], {}, (s) => [s.auth, s.port], ['required', 7]],
    ['the flag over --set', ['--set', 'port=7', '--port', '8'], {}, (s) => s.port, 8],
    ['--set with = in the value', ['--set', 'oidc.pushAudience=a=b'], {}, (s) => s.oidc.pushAudience, 'a=b'],
  ];
  for (const [name, args, environment, pick, expected] of rows) {
    it(`reads: ${name}`, () => assert.deepEqual(pick(read(args, environment)), expected));
  }

  it('takes a call for help', () => assert.equal(readCommandLine(['-h'], {}).kind, 'help'));

  const refused: [string, string[], string, RegExp][] = [
    ['an unknown flag', ['--fast'], 'invalid_flags', /--fast/],
    ['an argument', ['fast'], 'invalid_flags', /fast/],
    ['a flag without its value', ['--port'], 'invalid_flags', /--port/],
    ['--set without a path', ['--set', '=1'], 'invalid_flags', /path=value/],
    ['--set runtime', ['--set', 'runtime=cloud'], 'invalid_flags', /runtime/],
    ['a port that is none', ['--port', '70000'], 'invalid_settings', /port/],
    ['an unknown setting', ['--set', 'times.fast=1'], 'invalid_settings', /fast/],
    ['a missing file', ['--config', join(folder, 'no.yaml')], 'invalid_settings', /no\.yaml/],
    ['a broken file', ['--config', broken], 'invalid_settings', /broken\.yaml/],
    ['a file that is a list', ['--config', list], 'invalid_settings', /no object/],
  ];
  for (const [name, args, code, message] of refused) {
    it(`refuses ${name}`, () => assert.throws(() => readCommandLine(args, {}), { code, message }));
  }
});

describe('welcome', () => {
  const facts = {
    settings: readSettings({}, { runtime: 'embedded', auth: 'open' }),
    url: 'http://127.0.0.1:8081',
    functionUrls: { dispatch: 'http://127.0.0.1:4001' },
    notes: ['127.0.0.1:8000  not used: the port is taken'],
    key: undefined,
  };

  it('names the address, what listens where, and that it is open', () => {
    const text = welcome(facts);
    for (const part of [
      'ready at http://127.0.0.1:8081',
      '127.0.0.1:8000  not used',
      'http://127.0.0.1:4001',
      'loopback alone',
      '.heliograph',
    ]) {
      assert.ok(text.includes(part), part);
    }
    assert.equal(text.match(/^curl /gm)?.length, 3);
  });

  it('shows the key, and how to send it', () => {
    const text = welcome({ ...facts, key: 'hg.a.b' });
    assert.ok(text.includes('API key: hg.a.b'));
    assert.equal(text.match(/X-API-Key: hg\.a\.b/g)?.length, 3);
    assert.ok(!text.includes('Open to'));
  });

  it("asks for the second line's task", () => {
    const [, dispatch = '', get = ''] = curlLines('http://127.0.0.1:8081', undefined);
    const packet = JSON.parse(/'(\{.*\})'/.exec(dispatch)?.[1] ?? '') as { agent: string; idempotencyKey: string };
    assert.ok(get.includes(`/task/${keyedId('default', packet.agent, packet.idempotencyKey)}?`));
  });
});
