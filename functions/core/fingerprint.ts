import { createHash } from 'node:crypto';

/** What makes two requests the same: agent and payload, whatever the order of the keys. */
export function fingerprint(agent: string, payload: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify([agent, sorted(payload)]))
    .digest('base64url');
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return ['array', ...value.map(sorted)];
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return ['object', ...entries.map(([key, inner]) => [key, sorted(inner)])];
}
