/** Terraform, as a child process that is always let finish. */

import { type ChildProcess, spawn } from 'node:child_process';
import { Problem } from '../../functions/core/errors.ts';
import type { Environment } from '../../functions/core/settings.ts';
import { TERRAFORM_VERSION } from '../../infra/secrets.ts';

export interface Ran {
  readonly code: number;
  readonly output: string;
  readonly errors: string;
}

export interface Terraform {
  /** Runs one command; what it prints is shown. Throws `Problem` `terraform_failed` unless it ends with one of `codes`. */
  run(args: readonly string[], codes?: readonly number[]): Promise<Ran>;
  /** The same, with nothing shown but a failure. */
  quietly(args: readonly string[], codes?: readonly number[]): Promise<Ran>;
  /** Asks the running command to end, and waits: it finishes what it is doing, writes the state and gives its lock back. */
  interrupt(): Promise<void>;
}

const INSTALL = 'https://developer.hashicorp.com/terraform/install';

/** Terraform in one folder. */
export function terraformIn(folder: string, environment: Environment): Terraform {
  let running: ChildProcess | undefined;
  let interrupted = false;

  async function run(args: readonly string[], codes: readonly number[], shown: boolean): Promise<Ran> {
    if (interrupted) throw new Problem(499, 'interrupted', `Interrupted before terraform ${args[0]}.`);
    const colour = process.stdout.isTTY ? [] : ['-no-color'];
    const ran = await start([`-chdir=${folder}`, ...args, ...(args[0] === 'state' ? [] : colour)], environment, shown, (child) => {
      running = child;
    });
    running = undefined;
    if (interrupted) throw new Problem(499, 'interrupted', `Terraform was interrupted in ${args[0]}.`);
    if (!codes.includes(ran.code)) {
      if (!shown) process.stderr.write(ran.errors);
      throw new Problem(500, 'terraform_failed', `terraform ${args[0]} failed.${hint(ran.errors)}`);
    }
    return ran;
  }

  return {
    run: (args, codes = [0]) => run(args, codes, true),
    quietly: (args, codes = [0]) => run(args, codes, false),
    async interrupt() {
      interrupted = true;
      const child = running;
      if (child === undefined) return;
      const closed = new Promise((close) => child.once('close', close));
      child.kill('SIGINT');
      await closed;
    },
  };
}

/** Throws `Problem` `terraform_missing` or `terraform_old`. */
export async function checkTerraform(environment: Environment): Promise<void> {
  const { output, errors } = await start(['version', '-json'], environment, false);
  const version = versionIn(output);
  if (version === undefined)
    throw missing(`The program terraform on the PATH does not tell its version (${(errors || output).trim()})`);
  const wanted = TERRAFORM_VERSION.replace('>= ', '');
  if (version.localeCompare(wanted, 'en', { numeric: true }) < 0) {
    throw new Problem(422, 'terraform_old', `Terraform is ${version}, and needed is ${wanted} or newer: ${INSTALL}`);
  }
}

/** Before 0.13 it knew no JSON, and said it in words. */
function versionIn(output: string): string | undefined {
  try {
    const { terraform_version } = JSON.parse(output) as { terraform_version?: string };
    return terraform_version;
  } catch {
    return /^Terraform v(\S+)/.exec(output)?.[1];
  }
}

const missing = (what: string) => new Problem(422, 'terraform_missing', `${what} (needed: ${TERRAFORM_VERSION}): ${INSTALL}`);

/**
 * A group of its own, since a terminal sends ctrl-C to the whole group: Terraform would get it twice, by us too, and takes the
 * second as the order to drop everything, its lock included.
 */
function start(args: readonly string[], environment: Environment, shown: boolean, onStart?: (child: ChildProcess) => void) {
  return new Promise<Ran>((resolve, reject) => {
    const child = spawn('terraform', args, {
      detached: true,
      env: { ...environment, TF_IN_AUTOMATION: '1', TF_INPUT: '0', CHECKPOINT_DISABLE: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    onStart?.(child);
    let output = '';
    let errors = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
      if (shown) process.stdout.write(chunk);
    });
    child.stderr.on('data', (chunk) => {
      errors += chunk;
      if (shown) process.stderr.write(chunk);
    });
    child.on('error', (error: NodeJS.ErrnoException) => {
      const why = error.code === 'ENOENT' ? 'is not installed, or not on the PATH' : `cannot be started: ${error.message}`;
      reject(missing(`Terraform ${why}`));
    });
    child.on('close', (code) => resolve({ code: code ?? 1, output, errors }));
  });
}

/** What its own message leaves open. */
function hint(errors: string): string {
  // It wraps its lines.
  const said = errors.replace(/[\s│]+/g, ' ');
  if (said.includes('Failed to query available provider packages')) {
    return '\nIts registry, registry.terraform.io, cannot be reached: check the network or the proxy (HTTPS_PROXY), or name a mirror in a file that TF_CLI_CONFIG_FILE names.';
  }
  const lock = /Error acquiring the state lock.*?\bID: (\S+)/.exec(said)?.[1];
  if (lock !== undefined) {
    return `\nAnother deployment runs, or one was killed. If none does, run this in its folder and try again: terraform force-unlock ${lock}`;
  }
  if (said.includes('could not find default credentials'))
    return '\nTerraform finds no login: gcloud auth application-default login';
  return '';
}
