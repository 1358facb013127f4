import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Validator } from '@seriousme/openapi-schema-validator';
import type { OpenApi, Operation } from '../../functions/dispatch/openapi/document.ts';
import { OPERATIONS } from '../../scripts/openapi/operations/all.ts';
import { drift, unreached, userRoutes } from '../../scripts/openapi/routes.ts';
import { OPENAPI_FILE, openApiText } from '../../scripts/openapi.ts';

const ROOT = join(import.meta.dirname, '../..');

describe('the OpenAPI document', function () {
  this.timeout(20_000);
  const text = readFileSync(OPENAPI_FILE, 'utf8');
  const document = JSON.parse(text) as OpenApi;
  const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods) as Described[]);

  it('describes every route of a user, and no other', () => {
    assert.deepEqual(drift(userRoutes(), OPERATIONS), []);
  });

  it('is the one that the schemas give', () => {
    assert.ok(text === openApiText(), 'A schema or a route has changed. To make the document anew: npm run openapi');
  });

  it('tells of a route that is not described, of a described one that is none, and of one described twice', () => {
    const [first, ...rest] = userRoutes();
    assert.match(
      drift([...rest, { function: 'dispatch', call: 'POST /new' }], OPERATIONS).join(),
      /POST \/new of dispatch is not described/,
    );
    assert.equal(drift(rest, OPERATIONS).join(), `${first?.call} is described, and no function has it`);
    assert.match(drift(userRoutes(), [...OPERATIONS, ...OPERATIONS.slice(0, 1)]).join(), /POST \/orchestrate is described twice/);
  });

  it('describes what the one address leads to', () => {
    assert.deepEqual(unreached(userRoutes()), []);
    assert.match(unreached([{ function: 'dispatch', call: 'GET /new' }]).join(), /GET \/new is under no prefix of dispatch/);
  });

  it('leaves out what Pub/Sub and the scheduler call', () => {
    const calls = userRoutes().map(({ call }) => call);
    assert.ok(calls.length > 60, `${calls.length}`);
    for (const path of ['/pubsub/', '/sweep']) assert.ok(!calls.some((call) => call.includes(path)), path);
  });

  it('is valid OpenAPI 3.1, says an independent validator', async () => {
    const { valid, errors } = await new Validator().validate(JSON.parse(text) as Record<string, unknown>);
    assert.ok(valid, `${JSON.stringify(errors)}`.slice(0, 2_000));
    const { paths, ...pathless } = document;
    assert.ok(Object.keys(paths).length > 0);
    const broken = { ...pathless, paths: { '/x': { get: { responses: { 200: {} } } } } };
    assert.equal((await new Validator().validate(broken)).valid, false);
  });

  it('refers to nothing that is not there, and has nothing that is referred to nowhere', () => {
    const referred = new Set([...text.matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name ?? ''));
    assert.deepEqual([...referred].sort(), Object.keys(document.components.schemas).sort());
  });

  it('names each operation once, in one short sentence', () => {
    const ids = operations.map(({ operationId }) => operationId);
    assert.equal(new Set(ids).size, ids.length);
    for (const { operationId, summary, tags } of operations) {
      assert.match(operationId, /^[a-z][A-Za-z]+$/);
      assert.match(summary, /^[A-Z].{5,130}\.$/, operationId);
      assert.ok(
        document.tags.some(({ name }) => name === tags[0]),
        operationId,
      );
    }
  });

  it('names codes that the functions answer with, and no others', () => {
    const sources = readdirSync(join(ROOT, 'functions'), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => readFileSync(join(ROOT, 'functions', file), 'utf8'))
      .join('\n');
    const codes = new Set(operations.flatMap(({ responses }) => Object.values(responses).flatMap((one) => one['x-codes'] ?? [])));
    assert.ok(codes.size > 40, `${codes.size}`);
    assert.deepEqual(
      [...codes].filter((code) => !sources.includes(`'${code}'`)),
      [],
    );
  });

  it('has examples that are taken as they are', () => {
    const examples = OPERATIONS.filter(({ example }) => example !== undefined);
    assert.ok(examples.length > 10, `${examples.length}`);
    for (const { id, body, example } of examples) assert.equal(body?.safeParse(example).error, undefined, id);
  });

  it('names the credentials and the scope of each operation that is not proved otherwise', () => {
    const open = operations.filter(({ security }) => security.length === 0).map(({ operationId }) => operationId);
    const proved = ['checkAttempt', 'ingestCallback', 'renewLease', 'reportOnTask'];
    assert.deepEqual(open.sort(), [...proved, 'getActionsOpenApi', 'getDocs', 'getHealth', 'getOpenApi'].sort());
    for (const { operationId, security, description } of operations) {
      const scope = security[0]?.apiKey?.[0];
      if (scope !== undefined) assert.ok(description.includes(`scope \`${scope}\``), operationId);
    }
  });
});

type Described = Operation & { readonly responses: Readonly<Record<string, { readonly 'x-codes'?: readonly string[] }>> };
