import assert from 'node:assert/strict';
import { mkdirSync, realpathSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { contentOf } from '../../../functions/agent-light/tools/fs-content.ts';
import { readSettings } from '../../../functions/core/settings.ts';
import { temporaryFolder } from '../../support/folder.ts';
import { type EmbeddedTestStack, embeddedStack } from '../../support/stack-embedded.ts';

const LIMIT = 10_485_760;

interface Answer {
  readonly status: string;
  readonly mode: string;
  readonly error?: { readonly code: string; readonly message: string };
  readonly result: {
    readonly content: string;
    readonly encoding: string;
    readonly bytes: number;
    readonly size: number;
    readonly lines: number;
    readonly truncated: boolean;
    readonly path: string;
    readonly entries: readonly { readonly name: string; readonly type: string; readonly size?: number }[];
  };
}

describe('fs.*', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  const root = join(realpathSync(folder.path), 'root');
  let stack: EmbeddedTestStack;
  before(async () => {
    mkdirSync(join(root, 'data'), { recursive: true });
    mkdirSync(`${root}foo`);
    writeFileSync(`${root}foo/secret`, 'secret');
    symlinkSync(`${root}foo`, join(root, 'out'));
    stack = await embeddedStack({ toolRoots: [root], dataDir: join(root, 'data'), 'times.orchestrateWaitMs': 20_000 });
  });
  after(async () => {
    await stack.stop();
    folder.remove();
  });

  const asked = async (intent: string, inputs: object, on = stack) =>
    (await on.post<Answer>('/orchestrate', { intent, inputs })).body;
  const done = async (intent: string, inputs: object) => {
    const body = await asked(intent, inputs);
    assert.equal(body.status, 'success', JSON.stringify(body).slice(0, 300));
    assert.equal(body.mode, 'agent');
    return body.result;
  };
  const failed = async (intent: string, inputs: object) => (await asked(intent, inputs)).error?.code;
  const write = (name: string, content: string | Buffer): string => {
    writeFileSync(join(root, name), content);
    return join(root, name);
  };

  it('read says what a file holds, anew each time', async () => {
    const path = write('a.txt', 'héllo\n');
    assert.deepEqual(await done('fs.read', { path }), {
      ...{ path, size: 7, content: 'héllo\n', encoding: 'utf-8', bytes: 7, truncated: false },
    });
    write('a.txt', 'changed');
    assert.equal((await done('fs.read', { path })).content, 'changed');
    const { content, bytes, truncated, size } = await done('fs.read', { path: write('b.txt', 'aé'), max_bytes: 2 });
    assert.deepEqual([content, bytes, truncated, size], ['a', 1, true, 3]);
    assert.equal((await done('fs.read', { path: write('empty', '') })).content, '');
  });

  it('read gives what is no text as base64', async () => {
    const bytes = Buffer.from([0x89, 0x50, 0, 0xff]);
    const { content, encoding } = await done('fs.read', { path: write('b.png', bytes) });
    assert.deepEqual([content, encoding], [bytes.toString('base64'), 'base64']);
  });

  it('read takes 10 MiB, and of more the beginning alone', async () => {
    const path = write('large', 'y');
    truncateSync(path, LIMIT);
    const all = await done('fs.read', { path });
    assert.deepEqual([all.bytes, all.truncated, Buffer.from(all.content, 'base64').length], [LIMIT, false, LIMIT]);
    truncateSync(path, LIMIT + 1);
    assert.equal(await failed('fs.read', { path }), 'file_too_large');
    const { bytes, truncated, size } = await done('fs.read', { path, max_bytes: 5 });
    assert.deepEqual([bytes, truncated, size], [5, true, LIMIT + 1]);
    assert.equal(await failed('fs.read', { path, max_bytes: LIMIT + 1 }), 'invalid_inputs');
  });

  it('head gives 10 lines, or as many as are wanted', async () => {
    const path = write('lines', Array.from({ length: 25 }, (_, at) => `line ${at}\n`).join(''));
    const ten = await done('fs.head', { path });
    assert.deepEqual([ten.lines, ten.truncated], [10, true]);
    assert.ok(ten.content.startsWith('line 0\n') && ten.content.endsWith('line 9\n'));
    assert.equal((await done('fs.head', { path, lines: 1 })).content, 'line 0\n');
    const all = await done('fs.head', { path, lines: 100 });
    assert.deepEqual([all.lines, all.truncated], [25, false]);
    const { lines, content, truncated } = await done('fs.head', { path: write('open', 'a\r\nb'), lines: 2 });
    assert.deepEqual([lines, content, truncated], [2, 'a\r\nb', false]);
    assert.deepEqual((await done('fs.head', { path: write('none', '') })).lines, 0);
  });

  it('head cuts a line of more than 1 MiB', async () => {
    const { lines, bytes, truncated, encoding } = await done('fs.head', { path: write('huge', `${'é'.repeat(1_000_000)}\nb`) });
    assert.deepEqual([lines, bytes, truncated, encoding], [1, 1_048_576, true, 'utf-8']);
  });

  it('list says what is in a folder', async () => {
    mkdirSync(join(root, 'folder', 'sub'), { recursive: true });
    write('folder/two\nlines', 'abc');
    const { path, entries, truncated } = await done('fs.list', { path: join(root, 'folder') });
    assert.equal(path, join(root, 'folder'));
    assert.equal(truncated, false);
    assert.deepEqual(
      entries.map(({ name, type, size }) => [name, type, size]),
      [
        ['sub', 'folder', undefined],
        ['two\nlines', 'file', 3],
      ],
    );
  });

  it('list shows 1,000 entries, and says that there are more', async () => {
    mkdirSync(join(root, 'many'));
    for (let at = 0; at < 1_001; at += 1) write(`many/${String(at).padStart(4, '0')}`, '');
    const { entries, truncated } = await done('fs.list', { path: join(root, 'many') });
    assert.deepEqual([entries.length, entries.at(-1)?.name, truncated], [1_000, '0999', true]);
  });

  it('fail at once outside of the roots, in the data folder, and for bad inputs', async () => {
    for (const intent of ['fs.list', 'fs.read', 'fs.head']) {
      for (const path of [
        '/etc/passwd',
        `${root}foo/secret`,
        join(root, 'out', 'secret'),
        join(root, 'data'),
        '/proc/self/environ',
      ])
        assert.equal(await failed(intent, { path }), 'outside_roots', `${intent} ${path}`);
      assert.equal(await failed(intent, { path: 'relative' }), 'path_invalid');
      assert.equal(await failed(intent, { path: join(root, 'nothing') }), 'not_found');
      const { error } = await asked(intent, { path: 7, colour: 'red' });
      assert.equal(error?.code, 'invalid_inputs');
      assert.match(String(error?.message), /path .*colour /);
    }
    assert.equal(await failed('fs.read', { path: root }), 'not_a_file');
    const { body } = await stack.post<{ job_id: string }>('/orchestrate', {
      ...{ intent: 'fs.head', inputs: { path: '/etc/passwd' } },
    });
    const { metrics } = (await stack.get<{ metrics: { attempts: number } }>(`/jobs/${body.job_id}`)).body;
    assert.equal(metrics.attempts, 1);
  });

  it('say that there are no roots, where there are none', async () => {
    const without = await embeddedStack();
    try {
      for (const intent of ['fs.list', 'fs.read', 'fs.head']) {
        const { error } = await asked(intent, { path: root }, without);
        assert.equal(error?.code, 'no_roots');
        assert.match(String(error?.message), /ORCHESTRATOR_TOOL_ROOTS/);
      }
    } finally {
      await without.stop();
    }
  });

  it('have no roots in the cloud: the settings refuse them', () => {
    assert.deepEqual(readSettings({}).toolRoots, []);
    assert.throws(() => readSettings({ ORCHESTRATOR_TOOL_ROOTS: '["/tmp"]' }), /Only local runtimes may set toolRoots/);
  });
});

describe('the content of a file', () => {
  const of = (bytes: Buffer, isCut = false) => {
    const { content, encoding } = contentOf(bytes, isCut);
    return [encoding, content];
  };

  it('is text, with its mark and its controls, or base64', () => {
    for (const text of ['', 'a', '\ufeffmarked', 'tab\tline\r\n', '\u001b[31mred\u001b[0m and plain', '"\\"', '𐐨'])
      assert.deepEqual(of(Buffer.from(text)), ['utf-8', text]);
    for (const bytes of [[0xff], [0x61, 0], [0xe2, 0x82], [0xed, 0xa0, 0x80], [0xc0, 0x80], [1, 1, 1, 1]])
      assert.deepEqual(of(Buffer.from(bytes)), ['base64', Buffer.from(bytes).toString('base64')]);
  });

  it('that was cut within a character ends before it; what is no text is still none', () => {
    for (let length = 1; length < 4; length += 1)
      assert.deepEqual(of(Buffer.from('a𐐨').subarray(0, 1 + length), true), ['utf-8', 'a']);
    assert.equal(of(Buffer.from([0x61, 0xff, 0x61]), true)[0], 'base64');
    assert.equal(of(Buffer.from([0x61, 0xff]), true)[0], 'base64');
  });
});
