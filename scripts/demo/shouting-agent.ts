/** An agent as a user would write it: a plain endpoint that changes a file of the project that a task is about. */

import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

export interface ShoutingAgent {
  readonly url: string;
  close(): Promise<void>;
}

/** Listens on a free loopback port. Writes `payload.file` of `payload.project_path` in capitals, and leaves a note beside it. */
export async function startShoutingAgent(): Promise<ShoutingAgent> {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { payload } = JSON.parse(Buffer.concat(chunks).toString()) as { payload: { project_path: string; file: string } };
    const file = join(payload.project_path, payload.file);
    await writeFile(file, (await readFile(file, 'utf8')).toUpperCase());
    await writeFile(`${file}.note`, 'Louder now.\n');
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ changed: [payload.file] }));
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/run`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
