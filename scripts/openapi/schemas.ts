/** From zod schemas to the schemas of the document. */

import { z } from 'zod';
import { FIELD_NOTES } from './field-notes.ts';
import { NAMES } from './names.ts';

export type JsonSchema = z.core.JSONSchema.BaseSchema;
type Direction = 'input' | 'output';

export interface Schemas {
  /** A reference to a schema, which is then one of the components: under its own name, or the one given. */
  reference(schema: z.ZodType, direction: Direction, name: string): JsonSchema;
  /** The fields of a query. `owner` is the operation's id. */
  fields(query: z.ZodType, owner: string): { readonly name: string; readonly required: boolean; readonly schema: JsonSchema }[];
  /** What was referred to, by name. Throws where a note is about a field that there is not. */
  components(): Readonly<Record<string, JsonSchema>>;
}

/** Collects the schemas of one document. */
export function schemas(): Schemas {
  const names = { input: z.registry<{ id: string }>(), output: z.registry<{ id: string }>() };
  const used = new Set<string>();
  for (const [schema, id] of NAMES) names[id === 'Work' ? 'input' : 'output'].add(schema, { id });

  return {
    reference(schema, direction, name) {
      const registry = names[direction];
      if (!registry.has(schema)) registry.add(schema, { id: name });
      return { $ref: place(registry.get(schema)?.id ?? name) };
    },
    fields(query, owner) {
      const { properties = {}, required = [] } = noted(
        z.toJSONSchema(query, { io: 'input', unrepresentable: 'any', override: plain('input') }),
        owner,
      );
      return Object.entries(properties).map(([name, schema]) => ({
        name,
        required: required.includes(name),
        schema: schema as JsonSchema,
      }));
    },
    components() {
      const all = (['input', 'output'] as const).flatMap((direction) => {
        const options = { io: direction, unrepresentable: 'any', override: plain(direction), uri: place } as const;
        return Object.entries(z.toJSONSchema(names[direction], options).schemas);
      });
      const sorted = all.sort(([a], [b]) => (a < b ? -1 : 1));
      const twice = sorted.find(([name], index) => sorted[index + 1]?.[0] === name);
      if (twice !== undefined) throw new TypeError(`Two schemas are called ${twice[0]}.`);
      const made = sorted.map(([name, { $schema: _, $id: __, ...schema }]) => [name, noted(schema as JsonSchema, name)]);
      const idle = Object.keys(FIELD_NOTES).filter((note) => !used.has(note));
      if (idle.length > 0) throw new TypeError(`There is no field for these notes: ${idle.join(', ')}.`);
      return Object.fromEntries(made);
    },
  };

  /** With what the fields mean. */
  function noted(schema: JsonSchema, owner: string): JsonSchema {
    return JSON.parse(JSON.stringify(schema), (key, value) => {
      if (key !== 'properties' || typeof value !== 'object') return value;
      return Object.fromEntries(Object.entries(value as object).map(([name, inner]) => [name, described(inner, owner, name)]));
    });
  }

  function described(schema: JsonSchema, owner: string, name: string): JsonSchema {
    const key = `${owner}.${name}` in FIELD_NOTES ? `${owner}.${name}` : name;
    const description = Object.hasOwn(FIELD_NOTES, key) ? FIELD_NOTES[key] : undefined;
    if (description === undefined) return schema;
    used.add(key);
    return { description, ...schema };
  }
}

const place = (id: string): string => `#/components/schemas/${id}`;

/**
 * Says what a client can use. A reply may get new fields, so it is not closed; a date's format says what its pattern does; what is
 * checked before it is taken as an object is an object.
 */
function plain(direction: Direction) {
  return ({ zodSchema, jsonSchema }: { zodSchema: z.core.$ZodTypes; jsonSchema: JsonSchema }): void => {
    const { def } = zodSchema._zod;
    if (def.type === 'pipe' && def.out._zod.def.type === 'record') jsonSchema.type = 'object';
    if (direction === 'output' && jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
    if (jsonSchema.format === 'date-time' || jsonSchema.format === 'date') delete jsonSchema.pattern;
    if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
    if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
    delete jsonSchema.propertyNames;
  };
}
