/** The bridge alone, from the command line: `node emulator-bridge/main.ts`. Exit 2 for what it was given, 1 for a failure. */

import { Problem } from '../functions/core/errors.ts';
import { unknownVariables } from '../functions/core/settings.ts';
import { bridgeLog } from './bridge-log.ts';
import { stopOnSignal } from './signals.ts';
import { startStandalone } from './standalone.ts';

const USAGE = `Usage: node emulator-bridge/main.ts

Bridges a Pub/Sub emulator and services that are running already. It reads:
  PUBSUB_EMULATOR_HOST        host:port of the emulator (required)
  GCP_PROJECT                 the project the services use (default heliograph-local)
  AGENT_PUSH_URL              default http://localhost:8080/pubsub/push
  ORCH_RESULTS_URL            default http://localhost:8081/pubsub/results
  ORCHESTRATOR_FUNCTION_URLS  base URLs of other functions, as JSON by name`;

const args = process.argv.slice(2);
const log = bridgeLog(process.env.ORCHESTRATOR_LOG_LEVEL || 'info');

if (args.length > 0) {
  const help = args[0] === '--help' || args[0] === '-h';
  console[help ? 'log' : 'error'](help ? USAGE : `Unknown argument '${args[0]}'.\n\n${USAGE}`);
  process.exit(help ? 0 : 2);
}

// The client library would look for Google's metadata server first: a delay, and a warning, on any other machine.
process.env.METADATA_SERVER_DETECTION ??= 'none';

for (const line of unknownVariables(process.env)) console.error(line);

try {
  const bridge = await startStandalone({ environment: process.env, log });
  stopOnSignal(bridge.stop, (error) => log.error({ err: error }, 'stopping failed'));
  console.log(bridge.lines.join('\n'));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(error instanceof Problem ? 2 : 1);
}
