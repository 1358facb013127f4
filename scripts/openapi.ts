/** `npm run openapi`: makes the document that `dispatch` serves, which is committed. A test says when it is due. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openApiDocument } from './openapi/document.ts';

/** Where the document lies. */
export const OPENAPI_FILE = fileURLToPath(new URL('../functions/dispatch/openapi/openapi.json', import.meta.url));

/** The document as it is committed. */
export const openApiText = (): string => `${JSON.stringify(openApiDocument(), null, 1)}\n`;

if (import.meta.main) {
  mkdirSync(dirname(OPENAPI_FILE), { recursive: true });
  writeFileSync(OPENAPI_FILE, openApiText());
}
