/** The work as a Restate service, over HTTP/2 as its server prefers; prints its address and ends on SIGINT. */

import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { createEndpointHandler, service } from '@restatedev/restate-sdk';

const bench = service({ name: 'bench', handlers: { echo: async (_context: unknown, payload: unknown) => ({ echo: payload }) } });
const server = createServer(createEndpointHandler({ services: [bench] }));
server.listen(0, '127.0.0.1', () =>
  console.log(`The service is ready at http://127.0.0.1:${(server.address() as AddressInfo).port}`),
);
process.once('SIGINT', () => process.exit(0));
