import { Problem, TerminalError } from '../core/errors.ts';
import { checked } from '../core/http.ts';
import type { JsonObject } from '../core/task.ts';

const MAX_MESSAGE = 4_000;

/** A job's inputs, checked against a schema. Throws `TerminalError` `invalid_inputs` that names every bad field. */
export function checkedInputs(schema: Parameters<typeof checked>[0], given: unknown): JsonObject {
  try {
    return checked(schema, given) as JsonObject;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    // A problem document has the fields beside its message; the error of a job has the message alone.
    const flaws = error.fields.map(({ field, message }) => `${field} ${message}`).join('; ');
    throw new TerminalError('invalid_inputs', `${flaws.slice(0, MAX_MESSAGE)}.`);
  }
}
