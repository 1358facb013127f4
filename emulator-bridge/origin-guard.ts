import type { IncomingHttpHeaders } from 'node:http';

/**
 * Who a request without credentials must not come from: a web page of another origin, or one that reached loopback under a name
 * of its own (DNS rebinding). Gives the offending header's value; undefined when the request is local.
 */
export function foreignOrigin(headers: IncomingHttpHeaders): string | undefined {
  const { host, origin } = headers;
  if (host !== undefined && !isLocal(`http://${host}`)) return host;
  if (origin !== undefined && !isLocal(origin)) return origin;
  return undefined;
}

const LOCAL = new Set(['localhost', '127.0.0.1', '[::1]']);

function isLocal(url: string): boolean {
  const parsed = URL.parse(url);
  return parsed !== null && (LOCAL.has(parsed.hostname) || parsed.hostname.endsWith('.localhost'));
}
