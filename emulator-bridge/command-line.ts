/** The flags of `npm start` and `npm run start:emulators`, turned into settings. */

import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { parse } from 'yaml';
import { Problem } from '../functions/core/errors.ts';
import { type Environment, readSettings, type Settings } from '../functions/core/settings.ts';

export const USAGE = `Usage: npm start -- [flags]              embedded: needs nothing but Node
       npm run start:emulators -- [flags]   on Google's emulators

  --port <n>          the local address; 0 picks a free port        (ORCHESTRATOR_PORT, default 8081)
  --data-dir <path>   where everything is kept                      (ORCHESTRATOR_DATA_DIR, default .heliograph)
  --config <file>     settings as YAML or JSON
  --keys              require an API key                            (ORCHESTRATOR_AUTH=required)
  --set path=value    any other setting, such as times.sweepMs=500; may be repeated
  --help              this text`;

export type StartCommand = { readonly kind: 'help' } | { readonly kind: 'start'; readonly settings: Settings };

/**
 * Reads the flags. Without `--keys`, `--set auth=…`, `ORCHESTRATOR_AUTH` or `auth` in the file, a local runtime is open: it listens on loopback
 * alone. Throws `Problem` 422 `invalid_flags` or `invalid_settings`.
 */
export function readCommandLine(args: readonly string[], environment: Environment): StartCommand {
  const flags = parseFlags(args);
  if (flags.help) return { kind: 'help' };
  const file = flags.config === undefined ? {} : readFile(flags.config);
  const set: Record<string, string> = Object.fromEntries((flags.set ?? []).map(assignment));
  const chosen = set.auth || environment.ORCHESTRATOR_AUTH || (file as { auth?: unknown }).auth;
  const settings = readSettings(
    environment,
    {
      allowLoopback: true,
      ...set,
      port: flags.port ?? set.port,
      dataDir: flags['data-dir'] ?? set.dataDir,
      runtime: flags.emulators ? 'emulators' : 'embedded',
      ...(flags.keys ? { auth: 'required' } : chosen ? {} : { auth: 'open' }),
    },
    file,
  );
  return { kind: 'start', settings };
}

function parseFlags(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        port: { type: 'string' },
        'data-dir': { type: 'string' },
        config: { type: 'string' },
        keys: { type: 'boolean' },
        set: { type: 'string', multiple: true },
        emulators: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    throw new Problem(422, 'invalid_flags', (error as Error).message.split('. ', 1)[0] as string, { cause: error });
  }
}

/** `times.sweepMs=500` → `['times.sweepMs', '500']`. */
function assignment(text: string): [string, string] {
  const at = text.indexOf('=');
  if (at < 1) throw new Problem(422, 'invalid_flags', `--set takes path=value, not '${text}'`);
  const path = text.slice(0, at);
  if (path === 'runtime') throw new Problem(422, 'invalid_flags', "--set does not take runtime: the script's name chooses it");
  return [path, text.slice(at + 1)];
}

function readFile(path: string): object {
  let value: unknown;
  try {
    // JSON is YAML too.
    value = parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new Problem(422, 'invalid_settings', `The configuration ${path} cannot be read: ${(error as Error).message}`, {
      cause: error,
    });
  }
  if (value === null || value === undefined) return {};
  if (typeof value !== 'object' || Array.isArray(value)) {
    throw new Problem(422, 'invalid_settings', `The configuration ${path} is no object of settings.`);
  }
  return value;
}
