/** Functions for the supervisor's tests, loaded by the functions framework as `functions/index.ts` is. */

import type { Request, Response } from '@google-cloud/functions-framework';

export function toy(request: Request, response: Response): void {
  if (request.path === '/die') process.exit(9);
  console.log(`asked ${request.path}`);
  response.json({ pid: process.pid, environment: process.env });
}

export function stubborn(_request: Request, response: Response): void {
  process.removeAllListeners('SIGTERM');
  process.on('SIGTERM', () => {});
  response.json({ pid: process.pid });
}
