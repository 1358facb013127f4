import type { RollbackRecord } from '../core/backup-records.ts';
import { PreconditionFailed } from '../core/ports.ts';
import { ROLLBACKS } from '../core/projects.ts';
import type { Runtime } from '../core/runtime.ts';

const AT_ONCE = 200;

/** Brings what a crash has left half exchanged to its end, and notes in the rollback's record which one that was. */
export async function recoverTrees(runtime: Runtime): Promise<void> {
  for (const { projectPath, outcome, problem } of await runtime.trees.recover()) {
    if (problem !== undefined) {
      runtime.log.error({ err: problem, projectPath }, 'A rollback that a crash has interrupted cannot be brought to its end.');
      continue;
    }
    runtime.log.warn({ projectPath, outcome }, 'A rollback that a crash has interrupted was brought to its end.');
    await note(runtime, projectPath, outcome);
  }
}

async function note(runtime: Runtime, projectPath: string, outcome: 'completed' | 'undone'): Promise<void> {
  const { documents } = await runtime.documents.query(ROLLBACKS, {
    equal: { open: true },
    orderBy: { field: 'wakeAt', direction: 'asc' },
    limit: AT_ONCE,
  });
  for (const { id, version, data } of documents) {
    const { projectPath: its, attempts } = data as unknown as RollbackRecord;
    if (its !== projectPath || attempts === undefined) continue;
    try {
      await runtime.documents.commit([{ kind: 'update', collection: ROLLBACKS, id, version, set: { outcome } }]);
    } catch (error) {
      // Its next worker has it, and sees by the tree itself what became of it.
      if (!(error instanceof PreconditionFailed)) throw error;
    }
  }
}
