import { z } from 'zod';
import { json, type Operation } from '../operation.ts';

const tag = 'about';
const healthSchema = z.union([
  z.strictObject({ status: z.literal('ok'), function: z.string(), version: z.string(), dependsOn: z.array(z.string()) }),
  z.strictObject({ status: z.string(), version: z.string(), functions: z.record(z.string(), z.unknown()) }),
]);
const documentSchema = z.looseObject({ openapi: z.literal('3.1.0'), info: z.looseObject({}), paths: z.looseObject({}) });

/** What anybody may know: nothing here is of any tenant. */
export const ABOUT: readonly Operation[] = [
  {
    method: 'GET',
    path: '/healthz',
    id: 'getHealth',
    tag,
    summary: 'Tells that the function lives; a local run tells it of all functions.',
    needs: 'nobody',
    replies: { 200: json('It lives.', healthSchema) },
  },
  {
    method: 'GET',
    path: '/openapi.json',
    id: 'getOpenApi',
    tag,
    summary: 'Gives this document.',
    needs: 'nobody',
    replies: { 200: json('OpenAPI 3.1.', documentSchema) },
  },
  {
    method: 'GET',
    path: '/openapi.actions.json',
    id: 'getActionsOpenApi',
    tag,
    summary: 'Gives the document that ChatGPT Actions imports: `orchestrate` alone, with the address of this installation.',
    needs: 'nobody',
    replies: { 200: json('OpenAPI 3.1.', documentSchema) },
    problems: { 404: ['address_unknown'] },
  },
  {
    method: 'GET',
    path: '/docs',
    id: 'getDocs',
    tag,
    summary: 'Shows this document as a page.',
    needs: 'nobody',
    replies: { 200: { says: 'The page.', types: ['text/html'] } },
  },
];
