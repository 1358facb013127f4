/** What the provider knows of a resource: its attributes and blocks, read from the provider's own generated declarations. */

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Block } from './synthesized.ts';

interface Field {
  readonly required: boolean;
  /** As declared: `string`, `number[]`, `{ [key: string]: string }`, or the name of another interface. */
  readonly type: string;
}

type Fields = ReadonlyMap<string, Field>;

export interface Schema {
  readonly root: string;
  readonly interfaces: ReadonlyMap<string, Fields>;
}

/** What Terraform itself takes in every resource. */
const OWN = new Set(['//', 'depends_on', 'count', 'for_each', 'provider', 'lifecycle']);

/** Resources of other providers than `google`, by their documentation. */
const OTHERS: Readonly<Record<string, Fields>> = {
  time_sleep: new Map([
    ['create_duration', { required: false, type: 'string' }],
    ['triggers', { required: false, type: '{ [key: string]: string }' }],
  ]),
  google_project_service_identity: new Map([
    ['service', { required: true, type: 'string' }],
    ['project', { required: false, type: 'string' }],
  ]),
};

/** Reads the schema of a resource type, as `google_pubsub_topic`. Throws where the provider has none. */
export function schemaOf(type: string): Schema {
  const other = OTHERS[type];
  if (other !== undefined) return { root: type, interfaces: new Map([[type, other]]) };
  const folder = type.replace(/^google_/, '').replaceAll('_', '-');
  const path = createRequire(import.meta.url).resolve(`@cdktf/provider-google/lib/${folder}/index.js`);
  const text = readFileSync(path.replace(/\.js$/, '.d.ts'), 'utf8');
  const found = [...text.matchAll(/export interface (\w+)( extends cdktf\.TerraformMetaArguments)? \{([\s\S]*?)\n\}/g)];
  const interfaces = new Map(found.map(([, name = '', , body = '']) => [name, fieldsOf(body)]));
  const root = found.find(([, , meta]) => meta !== undefined)?.[1];
  if (root === undefined) throw new TypeError(`The provider declares no configuration of ${type}.`);
  return { root, interfaces };
}

function fieldsOf(body: string): Fields {
  // The attribute's own name stands in the comment, as the anchor of its documentation.
  const fields = body.matchAll(/#([a-z0-9_]+)\}(?:(?!\*\/)[\s\S])*\*\/\s*readonly \w+(\??): (\{[^}]*\}|[^;]+);/g);
  return new Map([...fields].map(([, name = '', optional, type = '']) => [name, { required: optional === '', type }]));
}

/** What is wrong with a resource: unknown attributes, missing ones, values of another type. Each with its place. */
export function violations(type: string, block: Block): string[] {
  const schema = schemaOf(type);
  const own = Object.fromEntries(Object.entries(block).filter(([name]) => !OWN.has(name)));
  return checkBlock(schema, schema.root, own, type);
}

function checkBlock(schema: Schema, name: string, value: unknown, at: string): string[] {
  const fields = schema.interfaces.get(name);
  if (fields === undefined) return [`${at}: ${name} is not declared`];
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [`${at}: is no block`];
  const unknown = Object.keys(value).filter((key) => !fields.has(key));
  const missing = [...fields].filter(([key, { required }]) => required && !(key in value)).map(([key]) => key);
  return [
    ...unknown.map((key) => `${at}.${key}: is unknown`),
    ...missing.map((key) => `${at}.${key}: is missing`),
    ...Object.entries(value).flatMap(([key, inner]) => {
      const field = fields.get(key);
      return field === undefined ? [] : checkValue(schema, field.type, inner, `${at}.${key}`);
    }),
  ];
}

function checkValue(schema: Schema, declared: string, value: unknown, at: string): string[] {
  if (typeof value === 'string' && /^\$\{.*\}$/s.test(value)) return [];
  const type = declared.replace(' | cdktf.IResolvable', '').trim();
  if (type.startsWith('{')) {
    const inner = type.includes('string]: string') ? 'string' : 'unknown';
    return Object.entries(value as object).flatMap(([key, one]) => checkValue(schema, inner, one, `${at}.${key}`));
  }
  if (type.endsWith('[]')) {
    if (!Array.isArray(value)) return [`${at}: is no list`];
    return value.flatMap((one, index) => checkValue(schema, type.slice(0, -2), one, `${at}.${index}`));
  }
  if (schema.interfaces.has(type)) return checkBlock(schema, type, value, at);
  return typeof value === type ? [] : [`${at}: is no ${type}`];
}
