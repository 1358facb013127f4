/** Schemas as a reader takes them in: a type in words, and the fields as lists within lists. */

import { nameOf, type Schema } from './document.ts';

/** Text as HTML shows it; what stands between backquotes is code. */
export const shown = (text: string): string => escaped(text).replace(/`([^`]+)`/g, '<code>$1</code>');

/** Text with nothing that HTML reads. */
export const escaped = (text: string): string => text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** What a value is, in a few words, as HTML. */
export function typeOf(schema: Schema): string {
  const name = nameOf(schema);
  if (name !== undefined) return `<a href="#schema-${escaped(name)}">${escaped(name)}</a>`;
  const several = schema.anyOf ?? schema.oneOf;
  if (several !== undefined) return [...new Set(several.map(typeOf))].join(' or ');
  if (schema.const !== undefined) return codeOf(schema.const);
  if (schema.enum !== undefined) return schema.enum.map(codeOf).join(', ');
  if (schema.type === 'array') return `list of ${typeOf(schema.items ?? {})}${bounds(schema)}`;
  if (schema.type === 'object')
    return typeof schema.additionalProperties === 'object' && !isAny(schema.additionalProperties)
      ? `object of ${typeOf(schema.additionalProperties)}`
      : 'object';
  return `${escaped(String(schema.type ?? 'any JSON'))}${bounds(schema)}`;
}

const isAny = (schema: Schema): boolean => Object.keys(schema).length === 0;
const codeOf = (value: unknown): string => `<code>${escaped(JSON.stringify(value))}</code>`;

function bounds({ type, format, minimum, exclusiveMinimum, maximum, minLength, maxLength, maxItems }: Schema): string {
  const unit = type === 'string' ? ' characters' : type === 'array' ? ' entries' : '';
  const said = [
    format,
    minimum === undefined ? undefined : `from ${minimum}`,
    exclusiveMinimum === undefined ? undefined : `above ${exclusiveMinimum}`,
    minLength === undefined || minLength === 0 ? undefined : `from ${minLength}`,
    ...[maximum, maxLength, maxItems].map((most) => (most === undefined ? undefined : `up to ${most}${unit}`)),
  ].filter((one) => one !== undefined);
  return said.length === 0 ? '' : ` (${escaped(said.join(', '))})`;
}

/** The fields of a schema as HTML, and those of the objects within; nothing where it has none. */
export function fieldsOf(schema: Schema): string {
  const inner = schema.type === 'array' ? fieldsOf(schema.items ?? {}) : '';
  const several = (schema.anyOf ?? schema.oneOf ?? []).map(fieldsOf).filter(Boolean);
  const own = Object.entries(schema.properties ?? {}).map(([name, field]) =>
    fieldItem(name, field, schema.required?.includes(name) === true),
  );
  return `${own.length === 0 ? '' : `<ul class="fields">${own.join('')}</ul>`}${inner}${several.join('<p>or</p>')}`;
}

/** One field or parameter as an entry of a list. */
export function fieldItem(name: string, schema: Schema, isRequired: boolean, note = schema.description): string {
  const preset = schema.default === undefined ? '' : `, by default ${codeOf(schema.default)}`;
  const must = isRequired ? ' <strong>required</strong>' : '';
  const said = note === undefined ? '' : `<p>${shown(note)}</p>`;
  return `<li><code>${escaped(name)}</code> <span>${typeOf(schema)}${preset}</span>${must}${said}${fieldsOf(schema)}</li>`;
}
