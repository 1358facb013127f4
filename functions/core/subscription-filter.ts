import { Problem } from './errors.ts';

type Attributes = Readonly<Record<string, string>>;
type Filter = (attributes: Attributes) => boolean;

/**
 * Compiles a Pub/Sub subscription filter; no text admits every message.
 * Throws `Problem` `invalid_filter` with the position (counted from 1) of what is wrong.
 *
 * Source: Google Cloud, "Filter messages from a subscription".
 */
export function compileFilter(text?: string): Filter {
  if (text === undefined || text === '') return () => true;
  if (Buffer.byteLength(text) > 256) throw new Problem(422, 'invalid_filter', 'A filter has at most 256 bytes.');
  const tokens = tokenize(text);
  const filter = parseExpression(tokens);
  const rest = tokens.peek();
  if (rest.kind !== 'end') throw unexpected(rest, 'AND, OR or the end');
  return filter;
}

interface Token {
  readonly kind: 'name' | 'text' | 'symbol' | 'end';
  readonly value: string;
  /** Of its first character, counted from 1. */
  readonly position: number;
}

interface Tokens {
  peek(): Token;
  take(): Token;
}

/** Pub/Sub gives AND and OR no precedence: a mixture needs parentheses. */
function parseExpression(tokens: Tokens): Filter {
  const terms = [parseTerm(tokens)];
  let operator: string | undefined;
  while (isOneOf(tokens.peek(), 'name', 'AND', 'OR')) {
    const token = tokens.take();
    operator ??= token.value;
    if (token.value !== operator) throw refusal(token, 'AND and OR together need parentheses');
    terms.push(parseTerm(tokens));
  }
  if (operator === 'OR') return (attributes) => terms.some((term) => term(attributes));
  return (attributes) => terms.every((term) => term(attributes));
}

function parseTerm(tokens: Tokens): Filter {
  const token = tokens.take();
  if (isOneOf(token, 'name', 'NOT') || isOneOf(token, 'symbol', '-')) {
    const negated = parseTerm(tokens);
    return (attributes) => !negated(attributes);
  }
  if (isOneOf(token, 'symbol', '(')) {
    const inner = parseExpression(tokens);
    expectSymbol(tokens, ')');
    return inner;
  }
  if (isOneOf(token, 'name', 'hasPrefix')) return parsePrefix(tokens);
  if (isOneOf(token, 'name', 'attributes')) return parseComparison(tokens);
  throw unexpected(token, 'attributes, hasPrefix, NOT or (');
}

function parsePrefix(tokens: Tokens): Filter {
  expectSymbol(tokens, '(');
  const token = tokens.take();
  if (!isOneOf(token, 'name', 'attributes')) throw unexpected(token, 'attributes');
  expectSymbol(tokens, '.');
  const key = takeKey(tokens);
  expectSymbol(tokens, ',');
  const prefix = takeText(tokens);
  expectSymbol(tokens, ')');
  return (attributes) => attributeOf(attributes, key)?.startsWith(prefix) ?? false;
}

function parseComparison(tokens: Tokens): Filter {
  const token = tokens.take();
  if (isOneOf(token, 'symbol', ':')) {
    const key = takeKey(tokens);
    return (attributes) => attributeOf(attributes, key) !== undefined;
  }
  if (!isOneOf(token, 'symbol', '.')) throw unexpected(token, ': or .');
  const key = takeKey(tokens);
  const operator = tokens.take();
  if (!isOneOf(operator, 'symbol', '=', '!=')) throw unexpected(operator, '= or !=');
  const value = takeText(tokens);
  return operator.value === '='
    ? (attributes) => attributeOf(attributes, key) === value
    : (attributes) => attributeOf(attributes, key) !== value;
}

/** An attribute may be named like something that every object inherits. */
function attributeOf(attributes: Attributes, key: string): string | undefined {
  return Object.hasOwn(attributes, key) ? attributes[key] : undefined;
}

function takeKey(tokens: Tokens): string {
  const token = tokens.take();
  if (token.kind !== 'name' && token.kind !== 'text') throw unexpected(token, 'an attribute key');
  return token.value;
}

function takeText(tokens: Tokens): string {
  const token = tokens.take();
  if (token.kind !== 'text') throw unexpected(token, 'a quoted value');
  return token.value;
}

function expectSymbol(tokens: Tokens, symbol: string): void {
  const token = tokens.take();
  if (!isOneOf(token, 'symbol', symbol)) throw unexpected(token, symbol);
}

function isOneOf(token: Token, kind: Token['kind'], ...values: string[]): boolean {
  return token.kind === kind && values.includes(token.value);
}

// A hyphen inside a name belongs to it; one before a term negates.
const TOKEN = /\s*(?:([A-Za-z0-9_][A-Za-z0-9_-]*)|"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|(!=|[().,:=-]))/suy;

function tokenize(text: string): Tokens {
  const tokens: Token[] = [];
  let end = 0;
  while (text.slice(end).trim() !== '') {
    TOKEN.lastIndex = end;
    const match = TOKEN.exec(text);
    const position = end + (text.slice(end).length - text.slice(end).trimStart().length) + 1;
    if (match === null) throw new Problem(422, 'invalid_filter', `The filter cannot be read at position ${position}.`);
    const [, name, double, single, symbol] = match;
    const quoted = double ?? single;
    if (name !== undefined) tokens.push({ kind: 'name', value: name, position });
    else if (quoted !== undefined) tokens.push({ kind: 'text', value: unescapeText(quoted, position), position });
    else tokens.push({ kind: 'symbol', value: symbol ?? '', position });
    end = TOKEN.lastIndex;
  }
  const last: Token = { kind: 'end', value: '', position: text.length + 1 };
  return { peek: () => tokens[0] ?? last, take: () => tokens.shift() ?? last };
}

const NAMED_ESCAPES: Readonly<Record<string, string>> = { a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };
const ESCAPE = /\\(?:u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})|([0-3][0-7]{2})|(.))/gsu;

function unescapeText(text: string, position: number): string {
  return text.replace(ESCAPE, (_whole, unicode, hexadecimal, octal, other) => {
    if (unicode ?? hexadecimal) return String.fromCharCode(Number.parseInt(unicode ?? hexadecimal, 16));
    if (octal) return String.fromCharCode(Number.parseInt(octal, 8));
    const known = NAMED_ESCAPES[other] ?? (/[\w]/.test(other) ? undefined : other);
    if (known === undefined) throw new Problem(422, 'invalid_filter', `The text at position ${position} has an unknown escape.`);
    return known;
  });
}

function unexpected(token: Token, wanted: string): Problem {
  return refusal(token, `${wanted} was expected, not ${token.kind === 'end' ? 'the end' : `"${token.value}"`}`);
}

function refusal(token: Token, reason: string): Problem {
  return new Problem(422, 'invalid_filter', `At position ${token.position} of the filter: ${reason}.`);
}
