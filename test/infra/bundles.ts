/** What every bundle has to show; some in each run, all of them in the long one. */

import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, realpathSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { unzipSync } from 'fflate';
import { freePorts } from '../../emulator-bridge/loopback.ts';
import { topology } from '../../functions/topology.ts';
import { archiveOf, type Bundle, bundleFunction } from '../../scripts/bundle/bundle-function.ts';
import { temporaryFolder, until } from '../support/folder.ts';

/** Of code that is compiled before the first request, the framework apart: 100 KiB take about 5 ms of each new instance's start. */
const START_BUDGET = 408 * 1024;
/** What one request in a hundred needs, or only the second, is loaded when it is used; these take up to a quarter of a second. */
const LAZY =
  /^(@google-cloud\/(firestore|pubsub|storage).*|@grpc\/.*|google-.*|gaxios|node-fetch|protobufjs|undici|jose|pino.*|ssh2)$/;
const FRAMEWORK = join(dirname(createRequire(import.meta.url).resolve('@google-cloud/functions-framework')), 'main.js');

/** Unpacks a bundle's archive into a folder that has nothing else. */
export function unpack(bundle: Bundle, folder: string): void {
  for (const [path, bytes] of Object.entries(unzipSync(archiveOf(bundle).bytes))) writeFileSync(join(folder, path), bytes);
  mkdirSync(join(folder, 'data'));
}

/** Starts an unpacked bundle with nothing of this process's environment, and waits until it answers. */
export async function startBundle(folder: string, args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
  const [port] = await freePorts(1);
  const url = `http://127.0.0.1:${port}`;
  const child: ChildProcess = spawn(process.execPath, args, {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PORT: String(port),
      ORCHESTRATOR_RUNTIME: 'emulators',
      ORCHESTRATOR_DATA_DIR: join(folder, 'data'),
      ...environment,
    },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output += chunk));
  const answers = () =>
    fetch(url).then(
      () => true,
      () => false,
    );
  await until(async () => {
    if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode}: ${output}`);
    return await answers();
  }, 60_000);
  return { child, url, output: () => output };
}

export function bundlesSuite(names: readonly string[]): void {
  for (const name of names) {
    describe(`the bundle of ${name}`, function () {
      this.timeout(120_000);
      let bundle: Bundle;
      let folder: ReturnType<typeof temporaryFolder>;
      let child: ChildProcess | undefined;

      before(async () => {
        bundle = await bundleFunction(name);
        folder = temporaryFolder();
        unpack(bundle, folder.path);
      });
      after(() => folder?.remove());
      afterEach(async () => {
        const running = child;
        child = undefined;
        if (running === undefined || running.exitCode !== null) return;
        running.kill('SIGKILL');
        await once(running, 'exit');
      });

      async function started(args: readonly string[]): Promise<string> {
        const running = await startBundle(folder.path, args);
        child = running.child;
        return running.url;
      }

      /** Its routes, its edge and its gate work. */
      async function answers(url: string): Promise<void> {
        const health = await fetch(`${url}/healthz`);
        assert.equal(health.status, 200);
        assert.equal(((await health.json()) as { function: string }).function, name);
        const missing = await fetch(`${url}/no/such/path`, { method: 'POST', body: '{' });
        assert.equal(missing.status, 404);
        assert.equal(((await missing.json()) as { code: string }).code, 'not_found');
      }

      it('runs alone, reading nothing but its own files', async () => {
        assert.ok(!existsSync(join(folder.path, 'node_modules')) && !existsSync(join(folder.path, '../node_modules')));
        const own = realpathSync(folder.path);
        const fences = ['--permission', `--allow-fs-read=${own}`, `--allow-fs-write=${own}/data`];
        await answers(await started([...fences, 'index.mjs']));
      });

      it('is loaded by the platform’s own functions framework', async () => {
        await answers(await started([FRAMEWORK, '--target=handler', `--source=${folder.path}`]));
      });

      it('is the same again from the same sources, byte for byte, and so is its archive', async () => {
        const again = await bundleFunction(name);
        assert.deepEqual(Object.keys(again.files).sort(), Object.keys(bundle.files).sort());
        for (const [path, bytes] of Object.entries(again.files))
          assert.ok(Buffer.from(bytes).equals(bundle.files[path] as Uint8Array), path);
        const { file, bytes } = archiveOf(bundle);
        assert.equal(archiveOf(again).file, file);
        assert.ok(Buffer.from(archiveOf(again).bytes).equals(bytes));
        assert.match(file, new RegExp(`^${name}-[0-9a-f]{16}\\.zip$`));
      });

      it('has the client libraries of what it has a role for, and no others', () => {
        const kinds: readonly string[] = (topology.functions[name]?.roles ?? []).map(({ kind }) => kind);
        const has = (wanted: string) => bundle.packages.some(([one]) => one === wanted);
        assert.equal(has('@google-cloud/firestore'), kinds.includes('database'));
        assert.equal(has('@google-cloud/pubsub'), kinds.includes('publish'));
        assert.equal(has('@google-cloud/storage'), kinds.includes('bucket'));
        assert.equal(has('ssh2'), name === 'agent-light');
        const maps = Object.entries(bundle.files).filter(([file]) => file.endsWith('.map'));
        const sources = maps.flatMap(([, bytes]) => JSON.parse(Buffer.from(bytes).toString()).sources as string[]);
        assert.ok(sources.some((source) => source.endsWith('functions/handler.ts')));
        assert.deepEqual(
          sources.filter((source) => source.includes('adapters/sqlite-')),
          [],
        );
      });

      it('loads little before its first request, and no client library', () => {
        assert.ok(bundle.bytes.start < START_BUDGET, `${bundle.bytes.start} bytes`);
        assert.ok(bundle.startPackages.includes('zod') && bundle.startPackages.includes('heliograph'));
        assert.deepEqual(
          bundle.startPackages.filter((one) => LAZY.test(one)),
          [],
        );
      });

      it('imports nothing that loads fetch with it', () => {
        const code = Object.entries(bundle.files).filter(([file]) => file.endsWith('.mjs'));
        for (const [file, bytes] of code)
          assert.doesNotMatch(
            Buffer.from(bytes).toString(),
            /\bfrom\s*["'](node:)?http["']|\bimport\(["'](node:)?http["']\)/,
            file,
          );
      });

      it('takes the compile cache that the platform’s build makes, also from where it has been moved to', async () => {
        const built = join(folder.path, 'built');
        mkdirSync(built);
        unpack(bundle, built);
        const { scripts } = JSON.parse(Buffer.from(bundle.files['package.json'] as Uint8Array).toString());
        const [, ...args] = scripts['gcp-build'].split(' ');
        execFileSync(process.execPath, args, { cwd: built });
        const moved = join(folder.path, 'moved');
        renameSync(built, moved);
        const running = await startBundle(moved, ['index.mjs'], { NODE_DEBUG_NATIVE: 'COMPILE_CACHE' });
        child = running.child;
        await answers(running.url);
        const taken = (file: string) => new RegExp(`V8 code cache for ESM \\S+/${file}-\\w+\\.mjs was accepted`);
        for (const file of ['handler', 'serve']) await until(() => taken(file).test(running.output()));
        assert.doesNotMatch(running.output(), /was rejected/);
      });

      it('has another archive name as soon as one byte differs', () => {
        const index = Buffer.concat([bundle.files['index.mjs'] as Uint8Array, Buffer.from('\n')]);
        const changed = { ...bundle, files: { ...bundle.files, 'index.mjs': index } };
        assert.notEqual(archiveOf(changed).file, archiveOf(bundle).file);
      });

      it('names no path of this machine', () => {
        const root = dirname(dirname(import.meta.dirname));
        for (const [path, bytes] of Object.entries(bundle.files)) assert.ok(!Buffer.from(bytes).includes(`${root}/`), path);
      });
    });
  }
}
