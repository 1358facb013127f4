/** BullMQ on a Redis that syncs each write before it answers. */

import { freePorts } from '../../../emulator-bridge/loopback.ts';
import { type Contender, temporaryFolder } from '../contender.ts';
import type { Load } from '../load-loop.ts';
import { startLoad, startMeasured } from '../measured-process.ts';
import { findProgram, startNative } from './native.ts';
import { installPeers } from './packages.ts';

/** Rejects where there is no `redis-server`, or the packages cannot be installed. */
export async function startBullmq(release: AsyncDisposableStack): Promise<Record<'bullmq', Contender>> {
  const program = findProgram('redis-server');
  await installPeers();
  const folder = await temporaryFolder(release);
  const [port] = await freePorts(1);
  const durable = ['--appendonly', 'yes', '--appendfsync', 'always', '--save', ''];
  const server = await startNative([program, '--bind', '127.0.0.1', '--port', String(port), '--dir', folder, ...durable], {
    ready: /Ready to accept connections/,
  });
  release.adopt(server, (it) => it.stop());
  release.adopt(await startMeasured('./peers/bullmq-worker.ts', [String(port)]), (it) => it.stop());
  const load = release.adopt(startLoad<Load>('./peers/bullmq-load.ts', [String(port)]), (it) => it.stop());
  return { bullmq: { run: (wanted) => load.run(wanted) } };
}
