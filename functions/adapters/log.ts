import type { Fields, Log } from '../core/ports.ts';
import { currentTrace } from '../core/trace.ts';
import { withoutSecrets } from './without-secrets.ts';

/** Cloud Logging's severities. Source: Google Cloud, "LogEntry", `LogSeverity`. */
const SEVERITIES = { debug: 'DEBUG', info: 'INFO', warn: 'WARNING', error: 'ERROR' } as const;
const LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
/** Fields that a log may carry; what is not named here is dropped, so that no secret gets out by a careless line. */
const ALLOWED = new Set([
  ...['taskId', 'traceId', 'agent', 'epoch', 'attempt', 'status', 'code', 'reason', 'url', 'subscription', 'messageId', 'tenant'],
  ...['overrunMicros', 'counts', 'error', 'err', 'ms', 'port', 'version', 'restarts', 'exit', 'path', 'endpoint', 'schedule'],
]);
/**
 * One JSON line per entry in Cloud Logging's shape, on standard output; `project` makes the trace that is followed clickable there. Written here,
 * since a library for it is a fifth of what a function would parse at its start.
 */
export function jsonLog(options: {
  readonly level: (typeof LEVELS)[number];
  readonly name: string;
  readonly project: string;
}): Log {
  const least = LEVELS.indexOf(options.level);
  const write = (level: keyof typeof SEVERITIES) => {
    if (LEVELS.indexOf(level) < least) return () => {};
    return (fields: Fields, message: string) => {
      const head = { severity: SEVERITIES[level], time: new Date().toISOString(), function: options.name };
      // To a pipe or a file this writes at once, so that the last line before a crash is not lost.
      process.stdout.write(`${lineOf(head, fields, message, options.project)}\n`);
    };
  };
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}

/** Whatever stands in the fields, there is a line, and nothing is thrown: what is logged is seldom what one expects. */
function lineOf(head: Fields, fields: Fields, message: string, project: string): string {
  const parts = Object.entries(head).map(([name, value]) => member(name, () => value));
  for (const name of ALLOWED) if (Object.hasOwn(fields, name)) parts.push(member(name, () => fieldOf(name, fields[name])));
  const trace = currentTrace();
  if (trace !== undefined) {
    parts.push(member('logging.googleapis.com/trace', () => `projects/${project}/traces/${trace.traceId}`));
    parts.push(member('logging.googleapis.com/spanId', () => trace.spanId));
    parts.push(member('logging.googleapis.com/trace_sampled', () => trace.isSampled));
  }
  parts.push(member('message', () => String(message)));
  return `{${parts.filter((part) => part !== undefined).join(',')}}`;
}

/** A member of a JSON object; none for what JSON leaves out. */
function member(name: string, read: () => unknown): string | undefined {
  let value: unknown = '[not readable]';
  let json: string | undefined;
  try {
    value = read();
    json = JSON.stringify(value, withoutSecrets);
  } catch {
    // A cycle, a number that JSON does not have, or a getter that throws.
    json = JSON.stringify(
      typeof value === 'object' || typeof value === 'function' ? '[not JSON]' : withoutSecrets('', String(value)),
    );
  }
  return json === undefined ? undefined : `${JSON.stringify(name)}:${json}`;
}

function fieldOf(name: string, value: unknown): unknown {
  if (name === 'url' && typeof value === 'string') return value.split(/[?#]/, 1)[0];
  return name === 'err' ? errorOf(value) : value;
}

/** Name, code, message and stack, with the cause; an error's other fields may hold anything. */
function errorOf(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return textOf(error, 500);
  const { name, message, stack, cause } = error;
  const { code } = error as { code?: unknown };
  return {
    name: textOf(name, 100),
    ...(code !== undefined && { code: typeof code === 'number' ? code : textOf(code, 100) }),
    message: textOf(message, 1_000),
    ...(stack !== undefined && { stack: textOf(stack, 4_000) }),
    ...(cause !== undefined && depth < 3 ? { cause: errorOf(cause, depth + 1) } : {}),
  };
}

function textOf(value: unknown, most: number): string {
  return (typeof value === 'object' && value !== null ? Object.prototype.toString.call(value) : String(value)).slice(0, most);
}
