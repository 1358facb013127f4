import type { Failure } from '../core/backup-records.ts';
import { Problem } from '../core/errors.ts';

/** Server errors that another try would meet again. */
const FINAL = ['backup_corrupt', 'backup_undeliverable', 'rollback_undeliverable', 'project_unwritable'];

/** What ends it; `undefined` for what another try may mend. */
export function failureOf(error: unknown): Failure | undefined {
  if (!(error instanceof Problem) || (error.status >= 500 && !FINAL.includes(error.code))) return undefined;
  return { status: error.status, code: error.code, message: error.message };
}
