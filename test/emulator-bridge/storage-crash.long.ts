import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Storage } from '@google-cloud/storage';
import { freePorts } from '../../emulator-bridge/loopback.ts';
import { temporaryFolder, until } from '../support/folder.ts';
import { BUCKET, refusal } from './storage-kit.ts';

const PROGRAM = join(import.meta.dirname, 'storage-process.ts');
const MIB = 1 << 20;

describe('storage server: in a process of its own', function () {
  this.timeout(60_000);
  let folder: ReturnType<typeof temporaryFolder>;
  let port: number;
  let child: ChildProcess;
  let url: string;
  let storage: Storage;

  beforeEach(async () => {
    folder = temporaryFolder();
    port = (await freePorts(1))[0] as number;
    await start();
    storage = new Storage({ projectId: 'project', apiEndpoint: url });
    await storage.createBucket(BUCKET);
  });
  afterEach(async () => {
    await kill();
    folder.remove();
  });

  async function start(): Promise<void> {
    child = fork(PROGRAM, [folder.path, String(port)], { env: { PATH: process.env.PATH } });
    [url] = (await once(child, 'message')) as [string];
  }
  async function kill(): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }
  const contents = () => readdirSync(join(folder.path, 'contents'));
  const onDisk = () => contents().reduce((sum, name) => sum + statSync(join(folder.path, 'contents', name)).size, 0);
  const put = (session: string, range: string, body?: RequestInit['body']) =>
    fetch(session, { method: 'PUT', headers: { 'content-range': range }, body, ...(body && { duplex: 'half' }) } as RequestInit);

  it('goes on with a resumable upload that kill -9 cut in two', async () => {
    const bytes = randomBytes(40 * MIB);
    const file = storage.bucket(BUCKET).file('large');
    const [session] = await file.createResumableUpload({ preconditionOpts: { ifGenerationMatch: 0 } });
    const half = new ReadableStream({
      start(controller) {
        controller.enqueue(new Uint8Array(bytes.subarray(0, 20 * MIB + 7)));
      },
    });
    const broken = assert.rejects(put(session, `bytes 0-${bytes.length - 1}/${bytes.length}`, half));
    await until(() => onDisk() === 20 * MIB + 7);
    await kill();
    await broken;
    await start();
    assert.deepEqual(await file.exists(), [false]);

    const status = await put(session, 'bytes */*');
    assert.equal(status.status, 308);
    const received = Number(status.headers.get('range')?.split('-')[1]) + 1;
    assert.ok(received >= 8 * MIB && received <= 20 * MIB + 7, `${received} bytes were kept`);
    // What the sender knows to have arrived may be more than was kept, and comes again.
    const rest = await put(session, `bytes ${received}-*/*`, bytes.subarray(received));
    assert.equal(rest.status, 200);
    assert.ok((await file.download())[0].equals(bytes));
    const again = await put(session, 'bytes */*');
    assert.equal(again.status, 200, 'a client that lost the reply asks again');
    assert.equal(((await again.json()) as { size: string }).size, String(bytes.length));
  });

  it("survives kill -9 under the client's own upload in chunks", async () => {
    const bytes = randomBytes(24 * MIB);
    const file = storage.bucket(BUCKET).file('chunks');
    const target = file.createWriteStream({ resumable: true, chunkSize: MIB, preconditionOpts: { ifGenerationMatch: 0 } });
    let killed: Promise<void> | undefined;
    target.on('progress', ({ bytesWritten }: { bytesWritten: number }) => {
      if (bytesWritten > 10 * MIB) killed ??= kill().then(start);
    });
    await pipeline(Readable.from([bytes]), target);
    assert.ok(killed !== undefined);
    await killed;
    assert.ok((await file.download())[0].equals(bytes));
  });

  it('has no half object after kill -9 in an upload in one request, and clears its bytes away', async () => {
    const bucket = storage.bucket(BUCKET);
    await bucket.file('x').save('before', { resumable: false });
    const { pid } = child;
    const endless = new ReadableStream({
      async pull(controller) {
        // Without a pause nothing else would get a turn.
        await new Promise((resolve) => setTimeout(resolve, 2));
        if (child.pid !== pid || child.killed) controller.close();
        else controller.enqueue(new Uint8Array(MIB));
      },
    });
    const path = `${url}/upload/storage/v1/b/${BUCKET}/o?uploadType=media&name=x`;
    const broken = assert.rejects(fetch(path, { method: 'POST', body: endless, duplex: 'half' } as RequestInit));
    await until(() => onDisk() > 4 * MIB);
    await kill();
    await broken;
    await start();
    assert.equal(String((await bucket.file('x').download())[0]), 'before');
    assert.equal(contents().length, 1);
  });

  it('has every object that it has acknowledged, whole, after kill -9 at any moment', async () => {
    const bucket = storage.bucket(BUCKET);
    const acknowledged = new Map<string, Buffer>();
    for (let round = 0; round < 4; round += 1) {
      let going = true;
      let answers = 0;
      const writers = Array.from({ length: 4 }, async (_, writer) => {
        for (let n = 0; going; n += 1) {
          const name = `${round}/${writer}/${n % 7}`;
          const bytes = randomBytes(1000 + n);
          // Before the answer nobody knows which of the two is there.
          acknowledged.delete(name);
          const failed = await refusal(bucket.file(name).save(bytes, { resumable: n % 3 === 0 }));
          if (failed !== undefined) continue;
          acknowledged.set(name, bytes);
          answers += 1;
        }
      });
      await until(() => answers >= 40 + 7 * round);
      await kill();
      going = false;
      await Promise.all(writers);
      await start();
    }
    for (const [name, bytes] of acknowledged) assert.ok((await bucket.file(name).download())[0].equals(bytes), name);
    const [files] = await bucket.getFiles();
    const sessions = contents().length - files.length;
    assert.ok(sessions >= 0 && sessions <= 4 * 4, 'a writer leaves one session open at a kill, and nothing else');
    for (const file of files) await file.download();
  });

  it('keeps a second process off the folder', async () => {
    const second = fork(PROGRAM, [folder.path, '0'], {
      env: { PATH: process.env.PATH },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    let said = '';
    second.stderr?.on('data', (text) => {
      said += text;
    });
    const [code] = await once(second, 'close');
    assert.equal(code, 1);
    assert.match(said, /data_in_use/);
  });

  it('streams: a quarter of a gigabyte up and down does not stand in its memory', async () => {
    const peak = async () => {
      child.send('peak');
      const [kib] = (await once(child, 'message')) as [number];
      return kib / 1024;
    };
    const chunk = randomBytes(MIB);
    const before = await peak();
    for (const resumable of [false, true]) {
      const file = storage.bucket(BUCKET).file(`large ${resumable}`);
      await pipeline(
        Readable.from(Array.from({ length: 256 }, () => chunk)),
        file.createWriteStream({ resumable, validation: false }),
      );
      let bytes = 0;
      for await (const part of file.createReadStream({ validation: false })) bytes += part.length;
      assert.equal(bytes, 256 * MIB);
    }
    const grown = (await peak()) - before;
    assert.ok(grown < 128, `the server has grown by ${grown} MiB`);
  });

  it('refuses what comes after the announced length', async () => {
    const [session] = await storage
      .bucket(BUCKET)
      .file('x')
      .createResumableUpload({ metadata: { contentLength: 4 } });
    assert.equal((await put(session, 'bytes 0-*/*', 'too long')).status, 400);
    assert.equal(await refusal(storage.bucket(BUCKET).file('x').download()), 404);
  });
});
