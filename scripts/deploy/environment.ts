/** What is deployed: one environment of the settings file. */

import { existsSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import type { Naming } from '../../functions/core/addresses.ts';
import { Problem } from '../../functions/core/errors.ts';
import { topology } from '../../functions/topology.ts';
import { namingOf } from '../../infra/context.ts';
import type { EnvironmentSettings } from '../../infra/settings.ts';
import { EXAMPLE_SETTINGS, OWN_SETTINGS, readEnvironment } from '../../infra/settings-file.ts';

const FOLDER = join(import.meta.dirname, '../../.heliograph/deploy');

export interface Deployment {
  /** `dev` or `prod`. */
  readonly name: string;
  readonly settings: EnvironmentSettings;
  readonly naming: Naming;
  /** Where its archives and its stack are written; Terraform's own files stay there between deployments. */
  readonly folder: string;
}

/**
 * Reads one environment from `file` (by default `infra/settings.yaml`). Throws `Problem` `invalid_settings` that names every bad
 * field, and for the example: its projects are nobody's.
 */
export function readDeployment(options: { env: string; settings?: string; folder?: string }): Deployment {
  const { env } = options;
  const file = resolve(options.settings ?? OWN_SETTINGS);
  if (!existsSync(file) || file === EXAMPLE_SETTINGS) {
    const why = file === EXAMPLE_SETTINGS ? 'The example cannot be deployed' : `There are no settings at ${relative('.', file)}`;
    throw refusal(`${why}. Copy the example and fill it in:\n\n  cp infra/settings.example.yaml infra/settings.yaml`);
  }
  try {
    const settings = readEnvironment(file, env, topology);
    const unfilled = ofTheExample(settings, `environments.${env}`);
    if (unfilled.length > 0) throw new Error(unfilled.map((field) => `${field}: is still the example's`).join('\n  '));
    const folder = join(resolve(options.folder ?? FOLDER), env);
    return { name: env, settings, naming: namingOf(settings, topology), folder };
  } catch (error) {
    throw refusal(`${relative('.', file)}: ${(error as Error).message}`);
  }
}

/** The fields that were not filled in. Nobody can have the domain example.com. */
function ofTheExample(value: unknown, at: string): string[] {
  if (typeof value === 'string') return /^example-heliograph-|^000000-000000-000000$|[@.]example\.com$/.test(value) ? [at] : [];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => ofTheExample(inner, `${at}.${name}`));
}

const refusal = (message: string) => new Problem(422, 'invalid_settings', message);
