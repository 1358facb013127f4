/** The document as a page: no script, nothing loaded, so that it needs no trust in anybody and works wherever it is read. */

import { type OpenApi, type Operation, resolved, type Schema } from './document.ts';
import { escaped, fieldItem, fieldsOf, shown, typeOf } from './page-schema.ts';

/** The page as HTML, with its style in it. */
export function docsPage(document: OpenApi, style: string): string {
  const { info, tags, paths, components } = document;
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
  );
  const sections = tags.map(({ name, description }) => {
    const ours = operations.filter(({ operation }) => operation.tags.includes(name));
    const items = ours.map(({ method, path, operation }) => operationItem(document, method, path, operation));
    return `<section id="${slug(name)}"><h2>${escaped(name)}</h2><p>${shown(description)}</p>${items.join('')}</section>`;
  });
  const schemas = Object.entries(components.schemas).map(([name, schema]) => schemaItem(name, schema));
  const links = [...tags.map(({ name }) => name), 'schemas'].map(
    (name) => `<li><a href="#${slug(name)}">${escaped(name)}</a></li>`,
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(info.title)} API</title><style>${style}</style></head>
<body><header><h1>${escaped(info.title)} API <small>${escaped(info.version)}</small></h1>
${info.description
  .split('\n\n')
  .map((paragraph) => `<p>${shown(paragraph)}</p>`)
  .join('')}
<p>The examples take the address, the key and the token from the shell; the document itself is <a href="openapi.json">openapi.json</a>:</p>
<pre tabindex="0">HELIOGRAPH=http://localhost:8081 KEY=hg.… TOKEN=eyJ…</pre>
<nav aria-label="Sections"><ul>${links.join('')}</ul></nav></header>
<main>${sections.join('\n')}
<section id="${slug('schemas')}"><h2>Schemas</h2><p>What requests and replies are made of.</p>${schemas.join('\n')}</section></main></body></html>
`;
}

const slug = (name: string): string => `tag-${name.replaceAll(' ', '-')}`;

/** Folded; a link to what is inside unfolds it, so the name stands there. */
function operationItem(document: OpenApi, method: string, path: string, operation: Operation): string {
  const { operationId, summary, description, parameters = [], requestBody, responses } = operation;
  const body = requestBody?.content['application/json'];
  const head = `<summary><b>${method}</b> <code>${escaped(path)}</code><span>${shown(summary)}</span></summary>`;
  const given = parameters.map(({ name, in: place, schema, required, description: note }) =>
    fieldItem(place === 'path' ? `{${name}}` : `?${name}=`, schema, required === true, note),
  );
  const replies = Object.entries(responses).map(([status, { description: says, content = {} }]) => {
    const types = Object.entries(content).map(
      ([type, { schema, 'x-itemSchema': item }]) =>
        `${item === undefined ? typeOf(schema) : `stream of ${typeOf(item)}`} <small>${escaped(type)}</small>`,
    );
    return `<li><code>${escaped(status)}</code> ${shown(says)} ${types.join(', ')}</li>`;
  });
  return `<details>${head}<div id="${escaped(operationId)}"><p>${shown(description)}</p>
${given.length === 0 ? '' : `<h3>Parameters</h3><ul class="fields">${given.join('')}</ul>`}
${body === undefined ? '' : `<h3>Body: ${typeOf(body.schema)}</h3>${fieldsOf(resolved(document, body.schema))}`}
<h3>Example</h3><pre tabindex="0">${escaped(curlOf(document, method, path, operation))}</pre>
<h3>Replies</h3><ul class="fields">${replies.join('')}</ul></div></details>`;
}

function schemaItem(name: string, schema: Schema): string {
  const fields = fieldsOf(schema) || `<p>${typeOf(schema)}</p>`;
  return `<details><summary><code>${escaped(name)}</code></summary><div id="schema-${escaped(name)}">${fields}</div></details>`;
}

/** A line for a shell: the example, else what is required. */
function curlOf(document: OpenApi, method: string, path: string, { parameters = [], requestBody, security }: Operation): string {
  const query = parameters
    .filter((one) => one.in === 'query' && one.required === true)
    .map(({ name, schema }) => `${name}=${encodeURIComponent(String(sampleOf(document, schema)))}`);
  const address = `${path.replace(/\{(\w+)\}/g, '<$1>')}${query.length === 0 ? '' : `?${query.join('&')}`}`;
  const [proof] = security;
  const key = proof === undefined ? [] : ['apiKey' in proof ? '-H "X-API-Key: $KEY"' : '-H "Authorization: Bearer $TOKEN"'];
  const body = requestBody?.content['application/json'];
  const value = body === undefined ? undefined : JSON.stringify(body.example ?? sampleOf(document, body.schema));
  const data = value === undefined ? [] : ["-H 'Content-Type: application/json'", `-d '${value.replaceAll("'", "'\\''")}'`];
  return [`curl -s${method === 'GET' ? '' : ` -X ${method}`} "$HELIOGRAPH${address}"`, ...key, ...data].join(' \\\n  ');
}

/** A value that the shape of a schema takes, with what is required alone. */
function sampleOf(document: OpenApi, given: Schema): unknown {
  const schema = resolved(document, given);
  const first = schema.anyOf?.[0] ?? schema.oneOf?.[0];
  if (first !== undefined) return sampleOf(document, first);
  if (schema.const !== undefined || schema.default !== undefined) return schema.const ?? schema.default;
  if (schema.enum !== undefined) return schema.enum[0];
  if (schema.type === 'array') return [];
  if (schema.type === 'boolean') return true;
  if (schema.type === 'integer' || schema.type === 'number') return Math.max(schema.minimum ?? 1, 1);
  if (schema.type !== 'object') return '…';
  const required = Object.entries(schema.properties ?? {}).filter(([name]) => schema.required?.includes(name));
  return Object.fromEntries(required.map(([name, inner]) => [name, sampleOf(document, inner)]));
}
