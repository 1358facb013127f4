import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import { TerminalError } from '../../core/errors.ts';
import type { McpTool } from '../../core/ports.ts';
import type { Runtime } from '../../core/runtime.ts';
import type { JsonObject } from '../../core/task.ts';

const MAX_MESSAGE = 4_000;

/**
 * Checks inputs against a tool's JSON Schema. Throws `TerminalError` `invalid_inputs` that names every bad field. A schema that makes no
 * sense here is left to the server, which has the last word anyway.
 *
 * Not zod's: its converter would bring all of zod into what every start of the function loads.
 */
export function checkToolInputs({ log }: Pick<Runtime, 'log'>, { name, inputSchema }: McpTool, inputs: JsonObject): void {
  let validate: ValidateFunction;
  try {
    validate = compiled(inputSchema);
  } catch (error) {
    log.debug({ reason: (error as Error).message }, `The inputs of the tool ${name} are not checked before the call.`);
    return;
  }
  if (validate(inputs)) return;
  const flaws = (validate.errors ?? []).map((flaw) => `${fieldOf(flaw)} ${wordsOf(flaw)}`);
  throw new TerminalError('invalid_inputs', `${flaws.join('; ').slice(0, MAX_MESSAGE)}.`);
}

/** For as long as a list of tools is kept: to compile one takes ten times as long as a call. */
const known = new WeakMap<McpTool['inputSchema'], ValidateFunction>();

function compiled(inputSchema: McpTool['inputSchema']): ValidateFunction {
  const before = known.get(inputSchema);
  if (before !== undefined) return before;
  const { $schema: _, ...schema } = inputSchema as JsonObject;
  const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false, validateSchema: false, logger: false });
  const validate = ajv.compile(schema);
  known.set(inputSchema, validate);
  return validate;
}

/** The path of a field, with the dots of every other message. */
function fieldOf({ instancePath, params }: ErrorObject): string {
  const parts = instancePath
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  const inner =
    (params as { missingProperty?: string }).missingProperty ?? (params as { additionalProperty?: string }).additionalProperty;
  return [...parts, ...(inner === undefined ? [] : [inner])].join('.') || 'inputs';
}

/** As every other message has it: a sentence behind the field's name. */
function wordsOf({ keyword, message = 'must be another one' }: ErrorObject): string {
  if (keyword === 'required') return 'is missing';
  if (keyword === 'additionalProperties') return 'is not a field of this tool';
  return message.replace(/^must /, 'has to ');
}
