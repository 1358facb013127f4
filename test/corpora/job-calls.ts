/** What can be asked of intents and jobs. */

import fc from 'fast-check';
import type { Endpoint } from './calls.ts';
import { described } from './described.ts';
import * as hints from './hints.ts';

export const JOB_ENDPOINTS: readonly Endpoint[] = [
  { ...described('POST', '/orchestrate'), overrides: hints.orchestrated, often: ['inputs', 'mode'], seldom: [202], weight: 8 },
  { ...described('GET', '/jobs/{}'), weight: 4 },
  { ...described('GET', '/intents'), overrides: { limit: fc.constantFrom(0, 1, 3, 200) }, weight: 2 },
  { ...described('PUT', '/intents/{}'), overrides: hints.intent, weight: 5 },
  { ...described('DELETE', '/intents/{}'), overrides: { mode: fc.constant('flow') }, weight: 1 },
  // No host is named in these settings; a real one has tests of its own.
  { ...described('POST', '/api/v1/ssh/exec'), seldom: [200, 202], weight: 1 },
  { ...described('GET', '/mcp'), weight: 1 },
  // There is none here; its own tests list the tools of a real one.
  { ...described('GET', '/mcp/{}/tools'), seldom: [200], weight: 1 },
];
