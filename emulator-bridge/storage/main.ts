/**
 * The storage server alone: `npm run storage`, for whatever speaks Cloud Storage's JSON API. Exit 2 for what it was given, 1 for a
 * failure, 0 after ctrl-C or SIGTERM.
 */

import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Problem } from '../../functions/core/errors.ts';
import { readSettings } from '../../functions/core/settings.ts';
import { topology } from '../../functions/topology.ts';
import { bridgeLog } from '../bridge-log.ts';
import { LOOPBACK } from '../loopback.ts';
import { stopOnSignal } from '../signals.ts';
import { startStorageServer } from './server.ts';
import { makeTopologyBuckets } from './topology-buckets.ts';

const USAGE = `Usage: npm run storage -- [flags]

Cloud Storage's JSON API on this machine, over a folder: for programs that use a Cloud Storage client, without a cloud.

  --port <n>         where it listens; 0 picks a free port             (9199)
  --host <address>   127.0.0.1 or localhost; it serves nobody else     (127.0.0.1)
  --data-dir <path>  where everything is kept                          (.heliograph/storage, or storage in ORCHESTRATOR_DATA_DIR)
  --project <id>     makes Heliograph's own buckets of this project    (none; any client may create buckets)
  --help             this text`;

const OPTIONS = {
  port: { type: 'string', default: '9199' },
  host: { type: 'string', default: LOOPBACK },
  'data-dir': { type: 'string' },
  project: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

const flags = read();
const log = bridgeLog(process.env.ORCHESTRATOR_LOG_LEVEL || 'info');
const folder = resolve(flags['data-dir'] ?? join(process.env.ORCHESTRATOR_DATA_DIR || '.heliograph', 'storage'));

try {
  const settings =
    flags.project === undefined ? undefined : readSettings({}, { runtime: 'emulators', auth: 'open', project: flags.project });
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const server = await startStorageServer({ folder, port: portOf(flags.port), log });
  stopOnSignal(server.close, (error) => log.error({ err: error }, 'stopping failed'));
  if (settings !== undefined) await makeTopologyBuckets(server.site, settings, topology);
  console.log(
    `Cloud Storage's API is served on ${server.url}, and kept in ${folder}\n\nIts clients need in their environment:\n  STORAGE_EMULATOR_HOST=${server.url}`,
  );
} catch (error) {
  console.error(explained(error));
  process.exit(error instanceof Problem || isOfInput(error) ? 2 : 1);
}

function read() {
  try {
    const { values } = parseArgs({ options: OPTIONS });
    if (values.help) {
      console.log(USAGE);
      process.exit(0);
    }
    if (![LOOPBACK, 'localhost'].includes(values.host))
      throw new Error(
        `--host: '${values.host}' is not this machine alone. Everyone who can reach it could read and change everything.`,
      );
    portOf(values.port);
    return values;
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`);
    process.exit(2);
  }
}

function portOf(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new Error(`--port: '${text}' is no port.`);
}

function explained(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE')
    return `Port ${flags.port} is in use. Stop what listens there, or choose another: --port <n>, --port 0 for any.`;
  if (code === 'data_in_use') return `${message} Stop that one, or choose another folder: --data-dir <path>.`;
  if (error instanceof Problem) return message;
  if (isOfInput(error)) return `The folder ${folder} cannot be used: ${message}`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** Of the port, of the file system, or of a database that is none. */
function isOfInput(error: unknown): boolean {
  const { code, path } = error as NodeJS.ErrnoException;
  return code === 'EADDRINUSE' || path !== undefined || code === 'ERR_SQLITE_ERROR';
}
