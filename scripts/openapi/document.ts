/** The document: OpenAPI 3.1 for all that users call, made from the schemas that check the requests. */

import { Problem } from '../../functions/core/errors.ts';
import manifest from '../../package.json' with { type: 'json' };
import { type Operation, problemsOf, type Reply } from './operation.ts';
import { OPERATIONS, TAGS } from './operations/all.ts';
import { problemSchema } from './replies/problem.ts';
import { drift, userRoutes } from './routes.ts';
import { type JsonSchema, type Schemas, schemas } from './schemas.ts';

export type Document = Readonly<Record<string, unknown>>;

const DESCRIPTION = `Dispatches work to AI agents from inside your own Google Cloud project.

Requests are JSON, and a field that is not named here is refused; replies may get new fields. Errors are problem documents
(RFC 9457) with a \`code\` that never changes its meaning. Lists take \`limit\` (0 to 200, by default 50) and \`cursor\`. Every
credential is of one tenant, and what is another tenant’s is answered as what there is not: 404.`;

const KEY_OR_TOKEN = 'An API key, or a Google-signed ID token whose audience is the function’s own address.';
const SECURITY = {
  apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key', description: 'An API key of `npm run key`: `hg.…`.' },
  bearer: { type: 'http', scheme: 'bearer', description: KEY_OR_TOKEN },
};

const NEEDS: Readonly<Record<Operation['needs'], string>> = {
  read: 'Needs the scope `read`.',
  dispatch: 'Needs the scope `dispatch`.',
  admin: 'Needs the scope `admin`.',
  agent: 'Needs the ID token of the agent’s own service account.',
  attempt: 'Needs no credentials but the `outcomeToken` of the attempt, in the body; a body above 1 MiB needs some besides.',
  'dispatch account': 'Needs the ID token of the service account of `dispatch`; on this machine, in an open local run, nothing.',
  nobody: 'Needs no credentials.',
};

/** Throws `TypeError` that names each route which is not described, and each described one that there is not. */
export function openApiDocument(): Document {
  const routes = userRoutes();
  const wrong = drift(routes, OPERATIONS);
  if (wrong.length > 0) throw new TypeError(wrong.join('\n'));
  const made = schemas();
  const servedBy = new Map(routes.map((route) => [route.call, route.function]));
  const paths: Record<string, Record<string, unknown>> = {};
  for (const operation of OPERATIONS) {
    const { method, path } = operation;
    const described = { ...operationOf(operation, made), 'x-function': servedBy.get(`${method} ${path}`) };
    paths[path] = { ...paths[path], [method.toLowerCase()]: described };
  }
  made.reference(problemSchema, 'output', 'Problem');
  return {
    openapi: '3.1.0',
    info: {
      title: 'Heliograph',
      version: manifest.version,
      description: DESCRIPTION,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    components: { securitySchemes: SECURITY, schemas: made.components() },
  };
}

function operationOf(operation: Operation, made: Schemas): Document {
  const { id, tag, summary, detail, needs, body, mayLackBody, example, replies } = operation;
  const name = `${id[0]?.toUpperCase()}${id.slice(1)}`;
  const parameters = [...pathParameters(operation), ...queryParameters(operation, made)];
  const several = Object.keys(replies).length > 1;
  return {
    operationId: id,
    tags: [tag],
    summary,
    description: [detail, NEEDS[needs]].filter(Boolean).join(' '),
    security: securityOf(needs),
    ...(parameters.length > 0 && { parameters }),
    ...(body !== undefined && {
      requestBody: {
        required: mayLackBody !== true,
        content: {
          'application/json': { schema: made.reference(body, 'input', `${name}Body`), ...(example !== undefined && { example }) },
        },
      },
    }),
    responses: {
      ...Object.fromEntries(
        Object.entries(replies).map(([status, reply]) => [status, replyOf(reply, made, `${name}Reply${several ? status : ''}`)]),
      ),
      ...Object.fromEntries(
        Object.entries(problemsOf(operation)).map(([status, codes]) => [status, problem(titleOf(Number(status)), codes)]),
      ),
      default: problem('Another error', []),
    },
  };
}

/** The roles of a scheme that is not OAuth are the scopes. */
function securityOf(needs: Operation['needs']): Record<string, string[]>[] {
  if (needs === 'nobody' || needs === 'attempt') return [];
  return needs === 'agent' || needs === 'dispatch account' ? [{ bearer: [] }] : [{ apiKey: [needs] }, { bearer: [needs] }];
}

const PATH_NOTES: Readonly<Record<string, string>> = {
  backup: 'The id of a backup; where a project is rolled back also `latest`.',
  id: 'The id; of a task also its alias.',
  name: 'The name.',
  scope: '`tenant`, `agent:<name>` or `task:<id>`.',
  server: 'The name of an MCP server of the settings.',
};

function pathParameters({ path }: Operation): Document[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => ({
    name,
    in: 'path',
    required: true,
    description: PATH_NOTES[name],
    schema: { type: 'string', minLength: 1 },
  }));
}

function queryParameters({ query, id }: Operation, made: Schemas): Document[] {
  if (query === undefined) return [];
  return made.fields(query, id).map(({ name, required, schema: { description, ...schema } }) => ({
    name,
    in: 'query',
    ...(required && { required }),
    ...(description !== undefined && { description }),
    schema,
  }));
}

function replyOf({ says, schema, item, types = ['application/json'] }: Reply, made: Schemas, name: string): Document {
  const content = types.map((type): [string, { readonly schema: JsonSchema; readonly 'x-itemSchema'?: JsonSchema }] => {
    if (schema !== undefined && type === 'application/json') return [type, { schema: made.reference(schema, 'output', name) }];
    const isStream = type === 'text/event-stream' || type === 'application/x-ndjson';
    const items = item !== undefined && isStream ? { 'x-itemSchema': made.reference(item, 'output', `${name}Item`) } : {};
    return [type, { schema: { type: 'string' }, ...items }];
  });
  return { description: says, content: Object.fromEntries(content) };
}

function problem(title: string, codes: readonly string[]): Document {
  const named = codes.map((code) => `\`${code}\``).join(', ');
  return {
    description: `${title}${named && `: ${named}`}.`,
    content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
    ...(codes.length > 0 && { 'x-codes': codes }),
  };
}

const titleOf = (status: number): string => String(new Problem(status, '', '').document().title);
