import { pino } from 'pino';
import type { Fields, Log } from '../core/ports.ts';

/** Cloud Logging's severities. Source: Google Cloud, "LogEntry", `LogSeverity`. */
const SEVERITIES: Readonly<Record<string, string>> = { debug: 'DEBUG', info: 'INFO', warn: 'WARNING', error: 'ERROR' };
/** Fields that a log may carry; what is not named here is dropped, so that no secret gets out by a careless line. */
const ALLOWED = new Set([
  ...['taskId', 'traceId', 'agent', 'epoch', 'attempt', 'status', 'code', 'reason', 'url', 'subscription', 'messageId', 'tenant'],
  ...['overrunMicros', 'counts', 'error', 'err', 'ms', 'port', 'version', 'restarts', 'exit', 'path', 'endpoint', 'schedule'],
]);

/** One JSON line per entry in Cloud Logging's shape, on standard output; `project` makes traces clickable there. */
export function jsonLog(options: { readonly level: string; readonly name: string; readonly project: string }): Log {
  const logger = pino({
    level: options.level,
    base: { function: options.name },
    messageKey: 'message',
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label) => ({ severity: SEVERITIES[label] ?? 'DEFAULT' }) },
    serializers: { err: errorOf },
    redact: { paths: ['*.authorization', '*.token', '*.key', '*.secret'], censor: '[redacted]' },
  });
  const write = (level: 'debug' | 'info' | 'warn' | 'error') => (fields: Fields, message: string) =>
    logger[level](allowed(fields, options.project), message);
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}

function allowed(fields: Fields, project: string): Fields {
  const kept = Object.fromEntries(Object.entries(fields).filter(([field]) => ALLOWED.has(field)));
  if (typeof kept.url === 'string') kept.url = kept.url.split('?', 1)[0];
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
