import type { Fields, Log } from '../core/ports.ts';

/** Cloud Logging's severities. Source: Google Cloud, "LogEntry", `LogSeverity`. */
const SEVERITIES = { debug: 'DEBUG', info: 'INFO', warn: 'WARNING', error: 'ERROR' } as const;
const LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
/** Fields that a log may carry; what is not named here is dropped, so that no secret gets out by a careless line. */
const ALLOWED = new Set([
  ...['taskId', 'traceId', 'agent', 'epoch', 'attempt', 'status', 'code', 'reason', 'url', 'subscription', 'messageId', 'tenant'],
  ...['overrunMicros', 'counts', 'error', 'err', 'ms', 'port', 'version', 'restarts', 'exit', 'path', 'endpoint', 'schedule'],
]);
/** Nor do these, however deep they lie in what is. */
const SECRET = new Set(['authorization', 'token', 'key', 'secret']);

/**
 * One JSON line per entry in Cloud Logging's shape, on standard output; `project` makes traces clickable there. Written here,
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
      process.stdout.write(`${lineOf({ ...head, ...allowed(fields, options.project) }, message)}\n`);
    };
  };
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}

function lineOf(fields: Fields, message: string): string {
  try {
    return JSON.stringify({ ...fields, message }, (name, value) => (SECRET.has(name) ? '[redacted]' : value));
  } catch {
    // A cycle, or a number that JSON does not have: what it was about is not lost with it.
    const texts = Object.entries(fields).map(([name, value]) => [name, typeof value === 'object' ? '[not JSON]' : String(value)]);
    return JSON.stringify({ ...Object.fromEntries(texts), message });
  }
}

function allowed(fields: Fields, project: string): Fields {
  const kept = Object.fromEntries(Object.entries(fields).filter(([field]) => ALLOWED.has(field)));
  if (typeof kept.url === 'string') kept.url = kept.url.split('?', 1)[0];
  if ('err' in kept) kept.err = errorOf(kept.err);
  return typeof kept.traceId === 'string'
    ? { ...kept, 'logging.googleapis.com/trace': `projects/${project}/traces/${kept.traceId}` }
    : kept;
}

/** Name, code, message and stack, with the cause; an error's other fields may hold anything. */
function errorOf(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return String(error).slice(0, 500);
  const { name, message, stack, cause } = error;
  const { code } = error as { code?: unknown };
  return {
    name,
    code,
    message: message.slice(0, 1_000),
    stack: stack?.slice(0, 4_000),
    ...(cause !== undefined && depth < 3 ? { cause: errorOf(cause, depth + 1) } : {}),
  };
}
