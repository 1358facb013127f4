import assert from 'node:assert/strict';
import { brokenLaws, functionFiles } from '../../scripts/layers.ts';

const forbidden: [string, string, string][] = [
  ['a room that imports a room', 'functions/dispatch/x.ts', "import { deliver } from '../callbacks/deliver.ts';"],
  ['a room that imports an adapter', 'functions/results/x.ts', "import { openDatabase } from '../adapters/sqlite-database.ts';"],
  ['core that imports a room', 'functions/core/x.ts', "import { sweep } from '../sweeper/sweep.ts';"],
  ['core that imports an adapter', 'functions/core/agent/x.ts', "import { systemClock } from '../../adapters/clock.ts';"],
  ['core that imports a cloud SDK', 'functions/core/x.ts', "import { Firestore } from '@google-cloud/firestore';"],
  ['core that loads a cloud SDK lazily', 'functions/core/x.ts', "const sdk = await import('@google-cloud/pubsub');"],
  ['core that reads files', 'functions/core/x.ts', "import { readFile } from 'node:fs/promises';"],
  ['a room that opens sockets', 'functions/agent-light/x.ts', "import { request } from 'node:http';"],
  ['a room with an HTTP client', 'functions/callbacks/x.ts', "import { request } from 'undici';"],
  ['an adapter that imports a room', 'functions/adapters/x.ts', "import { dispatch } from '../dispatch/index.ts';"],
  ['a keystone that imports', 'functions/topology.ts', "import { x } from './core/task.ts';"],
  ['a re-export of a room', 'functions/core/x.ts', "export { sweep } from '../sweeper/sweep.ts';"],
  ['functions that import the bridge', 'functions/core/x.ts', "import { startEmbedded } from '../../emulator-bridge/embedded.ts';"],
  ['a clock in core', 'functions/core/x.ts', 'const now = Date.now();'],
  ['a clock in a room', 'functions/dispatch/x.ts', 'const today = new Date();'],
  ['chance in core', 'functions/core/x.ts', 'const n = Math.random();'],
  ['a timer in a room', 'functions/sweeper/x.ts', '  setTimeout(() => {}, 5);'],
  ['raw fetch in a room', 'functions/callbacks/x.ts', 'const reply = await fetch(url);'],
];

const allowed: [string, string, string][] = [
  ['a room that imports core', 'functions/dispatch/x.ts', "import { close } from '../core/close.ts';"],
  ['an adapter that imports core and an SDK', 'functions/adapters/x.ts', "import { Firestore } from '@google-cloud/firestore';"],
  ['types of Node’s HTTP in core', 'functions/core/x.ts', "import type { IncomingMessage } from 'node:http';"],
  ['a clock in an adapter', 'functions/adapters/x.ts', 'const now = Date.now();'],
  ['a time made from a number', 'functions/core/x.ts', 'const at = new Date(ms).toISOString();'],
  ['a comment about the clock', 'functions/core/x.ts', ' * Date.now() is for adapters.'],
  ['anything outside functions/', 'scripts/x.ts', 'const now = Date.now();'],
];

describe('the laws of the layout', () => {
  it('hold for every file', () => {
    const files = functionFiles();
    assert.ok(files.length > 50, 'the files were not found');
    assert.deepEqual(brokenLaws(files), []);
  });
  for (const [name, path, line] of forbidden) {
    it(`find ${name}`, () => assert.equal(brokenLaws([{ path, text: `// one\n${line}\n` }])[0]?.startsWith(`${path}:2 `), true));
  }
  for (const [name, path, line] of allowed) it(`allow ${name}`, () => assert.deepEqual(brokenLaws([{ path, text: line }]), []));
});
