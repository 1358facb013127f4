/** Which URLs may be asked for at all, before any name is resolved. */

import { isIP } from 'node:net';
import { Problem } from '../core/errors.ts';
import type { Trust } from '../core/ports.ts';
import { isWithin, type Reach } from './egress-addresses.ts';

export interface EgressRules {
  /** Local runtimes only: `localhost` and literal loopback addresses, http too, on every port. */
  readonly allowLoopback: boolean;
  /** Exact origins (`http://n8n:5678`) that may be on private networks, for `operator` addresses. */
  readonly operatorOrigins?: readonly string[];
}

/** A URL that passed, and what its host may resolve to. `host` has no brackets. */
export interface Target {
  readonly url: URL;
  readonly host: string;
  readonly reach: Reach;
}

const MAXIMUM_LENGTH = 2048;
const USER_PORTS = ['443', '8443'];
const DENIED_HOSTS = /(^|\.)(metadata\.google\.internal|metadata\.goog)$/;

/**
 * Takes a URL apart. Throws `Problem` 422 `egress_denied` with the reason.
 *
 * The host has to be written the one canonical way: other spellings of an address (decimal, octal, percent-encoded, full-width)
 * have no honest use, and every parser reads them differently.
 */
export function parseTarget(text: string, trust: Trust, rules: EgressRules): Target {
  if (text.length > MAXIMUM_LENGTH) throw denied(`it is longer than ${MAXIMUM_LENGTH} characters`);
  if (!/^[\x21-\x7e]+$/.test(text) || text.includes('\\')) throw denied('it has characters that a URL does not have');
  const authority = /^https?:\/\/([^/?#]+)/i.exec(text)?.[1];
  if (authority === undefined || !URL.canParse(text)) throw denied('it is no http or https URL');
  if (authority.includes('@')) throw denied('it carries user information');
  const url = new URL(text);
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  const written = authority.toLowerCase();
  if (written !== url.host && written !== `${url.hostname}:${port}`) throw denied('its host is not written in the usual form');
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(host) === 0 && !/^(?!.*(\.|^)(-|\.|$))[a-z0-9_.-]{1,253}$/.test(host)) throw denied('its host is no name or address');
  if (DENIED_HOSTS.test(host)) throw denied('its host is a metadata server');

  const reach = reachOf(url, host, trust, rules);
  if (reach === 'public' && trust !== 'operator') {
    if (url.protocol !== 'https:') throw denied('it is not https');
    if (!USER_PORTS.includes(port)) throw denied('its port is neither 443 nor 8443');
  }
  if (isIP(host) !== 0 && !isWithin(host, reach)) throw denied('its address is not public');
  return { url, host, reach };
}

export function denied(reason: string): Problem {
  return new Problem(422, 'egress_denied', `The address is refused: ${reason}.`);
}

/** Names that only resolve to loopback do not count as it: that would be anybody's name. */
function reachOf(url: URL, host: string, trust: Trust, rules: EgressRules): Reach {
  if (rules.allowLoopback && trust !== 'public' && (host === 'localhost' || isWithin(host, 'loopback'))) return 'loopback';
  if (trust === 'operator' && rules.operatorOrigins?.includes(url.origin)) return 'private';
  return 'public';
}
