import { contractTopology, documentsContract } from '../contract/documents.ts';
import { chanceOf } from './chance.ts';
import type { Instance } from './instances.ts';
import { portsOf } from './ports.ts';
import { memoryStore } from './store.ts';
import { NO_FAULTS, type World } from './world.ts';

describe('documents contract: a simulated world without faults', () => {
  documentsContract(async () => {
    const world = {
      // In real time, since nobody lets these events happen one by one.
      schedule: { now: Date.now, after: (_ms: number, run: () => void) => void setImmediate(run) },
      chance: chanceOf(1),
      documents: memoryStore(contractTopology.collections),
      control: memoryStore(contractTopology.collections),
      story: { tell() {}, lines: [] },
      faults: () => NO_FAULTS,
    } as unknown as World;
    const instance = { name: 'dispatch', label: 'dispatch#1', skewMs: 0, isAlive: true, crash() {} } satisfies Instance;
    const { documents } = portsOf(world, instance, { publish: () => '' }, { serve() {}, send() {}, reaches: () => false });
    return { documents, close: () => documents.close() };
  });
});
