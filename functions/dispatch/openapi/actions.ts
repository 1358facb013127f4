/**
 * The document that ChatGPT Actions imports: `orchestrate` alone, at an absolute address, with one way to authenticate, descriptions of
 * at most 300 characters, and schemas without unions, each object with its fields.
 *
 * Source: OpenAI, "GPT Actions: Production notes" and "Getting started".
 */

import type { OpenApi, Schema } from './document.ts';
import { resolved } from './document.ts';

const MAX_DESCRIPTION = 300;
const DESCRIPTION =
  'Runs an intent (a tool, a flow or an MCP tool) and gives its result. If status is "accepted" it still runs: send the same call with the same idempotency_key again to get its result. Dangerous intents run dry unless inputs.confirm_dangerous is true.';

/** `address` is that of `dispatch`, without a final slash. */
export function actionsDocument(document: OpenApi, address: string): Record<string, unknown> {
  const operation = document.paths['/orchestrate']?.post;
  if (operation === undefined) throw new TypeError('The document has no POST /orchestrate.');
  const { operationId, summary, requestBody, responses } = operation;
  const component = (schema: Schema | undefined): Schema => simple(document, schema ?? {});
  const answers = { '200': 'OrchestrateEnded', '202': 'OrchestrateAccepted' } as const;
  return {
    openapi: '3.1.0',
    info: {
      title: `${document.info.title} orchestrate`,
      version: document.info.version,
      description: 'Runs any intent through one endpoint.',
    },
    servers: [{ url: address }],
    paths: {
      '/orchestrate': {
        post: {
          operationId,
          summary,
          description: DESCRIPTION,
          // It may change things: somebody is asked each time.
          'x-openai-isConsequential': true,
          security: [{ bearer: [] }],
          requestBody: {
            required: true,
            content: { 'application/json': { schema: { $ref: '#/components/schemas/OrchestrateRequest' } } },
          },
          responses: Object.fromEntries(
            Object.entries(answers).map(([status, name]) => [
              status,
              {
                description: responses[status]?.description,
                content: { 'application/json': { schema: { $ref: `#/components/schemas/${name}` } } },
              },
            ]),
          ),
        },
      },
    },
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
      schemas: {
        OrchestrateRequest: component(requestBody?.content['application/json']?.schema),
        ...Object.fromEntries(
          Object.entries(answers).map(([status, name]) => [
            name,
            component(responses[status]?.content?.['application/json']?.schema),
          ]),
        ),
      },
    },
  };
}

/** The first of several shapes, without references; an object says that it has fields, even where they are free. */
function simple(document: OpenApi, given: Schema): Schema {
  const { $ref: _, anyOf, oneOf, pattern: __, const: only, description, ...schema } = resolved(document, given);
  const text = description === undefined ? {} : { description: description.slice(0, MAX_DESCRIPTION) };
  const first = anyOf?.[0] ?? oneOf?.[0];
  if (only !== undefined) return { ...schema, ...text, enum: [only] };
  if (first !== undefined) return { ...simple(document, first), ...text };
  if (schema.type === 'array') return { ...schema, ...text, items: simple(document, schema.items ?? {}) };
  if (schema.type !== 'object') return { ...schema, ...text };
  const fields = Object.entries(schema.properties ?? {}).map(([name, inner]) => [name, simple(document, inner)]);
  const free = schema.properties === undefined ? { additionalProperties: true } : {};
  return { ...schema, ...text, properties: Object.fromEntries(fields), ...free };
}
