/** Members with such a name, however deep they lie. Numbers and booleans stay: how many tokens a call took is no secret. */
const SECRET_NAME = /authorization|cookie|credential|passw(?:or)?d|private|secret|signature|token|api-?key|^key$/i;

/** What a secret looks like wherever it stands, with what is left of it. A text may have been cut in the midst of one. */
const SECRET_VALUES: readonly (readonly [RegExp, string])[] = [
  // Our own API keys; the id tells which one.
  [/\bhg\.([a-z0-9]{16})\.[\w-]+/g, 'hg.$1.[redacted]'],
  // JSON Web Tokens, from the second part on.
  [/\beyJ[\w-]{5,}\.[\w.-]+/g, '[redacted]'],
  // Google's access and refresh tokens and API keys.
  [/\b(?:ya29\.|1\/\/0|AIza)[\w.-]{10,}/g, '[redacted]'],
  [/\bwhsec_[\w+/=]+/g, 'whsec_[redacted]'],
  [/\b(bearer|basic) +[\w.~+/=-]{16,}/gi, '$1 [redacted]'],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, '[redacted]'],
  // In addresses: user information, and the query, as many sign with it.
  [/(\bhttps?:\/\/)[^\s/?#@"'<>]+@/gi, '$1[redacted]@'],
  [/(\bhttps?:\/\/[^\s?#"'<>]+)\?[^\s"'<>]+/gi, '$1?[redacted]'],
];

/** More of one text helps nobody, and Cloud Logging drops an entry of more than 256 KiB. */
const MOST_CHARACTERS = 10_000;

/** A replacer for `JSON.stringify`: what is secret by its name or by its looks becomes `[redacted]`, and long texts are cut. */
export function withoutSecrets(name: string, value: unknown): unknown {
  if ((typeof value === 'string' || (typeof value === 'object' && value !== null)) && SECRET_NAME.test(name)) return '[redacted]';
  if (typeof value !== 'string') return value;
  return SECRET_VALUES.reduce((text, [pattern, rest]) => text.replace(pattern, rest), value.slice(0, MOST_CHARACTERS));
}
