/** The embedded runtime: every function in this process, on one SQLite file. Kill it, start it, nothing is lost. */

import { lazyEgress } from '../functions/adapters/lazy-egress.ts';
import { embeddedParts, runtimeOf } from '../functions/adapters/runtime.ts';
import type { Sync } from '../functions/adapters/sqlite-file.ts';
import { accountEmail } from '../functions/core/addresses.ts';
import type { Egress, McpServers } from '../functions/core/ports.ts';
import type { Runtime } from '../functions/core/runtime.ts';
import { rooms } from '../functions/rooms.ts';
import { functionsInProcess } from './functions-in-process.ts';
import { heldResponses, type WhenDurable } from './held-responses.ts';
import { startIssuer } from './issuer.ts';
import { localKey } from './local-key.ts';
import { assemble, functionNames, type LocalOptions, type LocalStack, localSettings } from './local-stack.ts';

/** What a test or a benchmark may put between: it sees each function's runtime before its room is made. */
export interface EmbeddedOptions extends LocalOptions {
  readonly runtimeFor?: (runtime: Runtime) => Runtime;
  /** Makes what is committed durable, in the place of the disk's own sync. */
  readonly sync?: Sync;
}

/**
 * Starts it all. Throws `Problem` `data_in_use` when another process has the data folder; Node's `EADDRINUSE` when the port is
 * taken. What was under way when the last run ended goes on.
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<LocalStack> {
  const { settings, runtimeFor = (runtime) => runtime } = options;
  await using release = new AsyncDisposableStack();

  const parts = release.adopt(await embeddedParts(settings, options.sync), (it) => it.close());
  const issuer = release.adopt(await startIssuer({ ...settings, folder: settings.dataDir }), (it) => it.close());
  const key = settings.auth === 'required' ? await localKey(settings.dataDir, parts.control) : undefined;
  const response = heldResponses(parts.whenDurable);
  const functions = release.adopt(await functionsInProcess(functionNames, response), (it) => it.stop());

  const local = localSettings(settings, functions.urls, issuer);
  const named = functionNames.map((name) => {
    // No metadata server in between: a process has one environment, so it could be one account only.
    const identity = { idToken: (audience: string) => issuer.token({ email: accountEmail(settings, name), audience }) };
    const plain = runtimeOf(name, local, parts, identity);
    const held = { egress: heldEgress(plain.egress, parts.whenDurable), mcp: heldMcp(plain.mcp, parts.whenDurable) };
    const runtime = release.adopt(runtimeFor({ ...plain, ...held }), async (it) => {
      await Promise.all([it.egress.close(), it.mcp.close()]);
    });
    const make = rooms[name];
    if (make === undefined) throw new TypeError(`No room answers for the function ${name} of the topology.`);
    return [name, make(runtime)] as const;
  });
  const made = Object.fromEntries(named);
  functions.attach(made);
  return await assemble(release, {
    options,
    settings: local,
    issuer,
    source: parts.queue,
    egress: release.adopt(
      heldEgress(lazyEgress({ allowLoopback: local.allowLoopback, operatorOrigins: [] }), parts.whenDurable),
      (it) => it.close(),
    ),
    servers: functions.servers,
    rooms: made,
    response,
    key,
    pids: () => ({}),
  });
}

/** Requests to others wait for the disk, as responses do: with these, nothing gets out that a crash could take back. */
function heldEgress(egress: Egress, whenDurable: WhenDurable): Egress {
  return { ...egress, request: (request) => durable(whenDurable).then(() => egress.request(request)) };
}

function heldMcp(mcp: McpServers, whenDurable: WhenDurable): McpServers {
  return { ...mcp, use: (...asked) => durable(whenDurable).then(() => mcp.use(...asked)) };
}

const durable = (whenDurable: WhenDurable): Promise<void> =>
  new Promise((resolve, reject) => whenDurable((failure) => (failure === undefined ? resolve() : reject(failure))));
