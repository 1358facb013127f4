/** Where the settings of the environments stand. */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { Topology } from '../functions/topology.ts';
import { type EnvironmentSettings, parseEnvironment } from './settings.ts';

/** Everybody's own; it is in no repository. */
export const OWN_SETTINGS = join(import.meta.dirname, 'settings.yaml');
export const EXAMPLE_SETTINGS = join(import.meta.dirname, 'settings.example.yaml');

/** One's own file; the example where there is none. */
export const settingsFile = (): string => (existsSync(OWN_SETTINGS) ? OWN_SETTINGS : EXAMPLE_SETTINGS);

/**
 * Reads one environment out of a settings file. Throws an `Error` that names every bad field of the file, whichever environment it
 * belongs to.
 */
export function readEnvironment(file: string, environment: string, topology: Topology): EnvironmentSettings {
  return parseEnvironment(parse(readFileSync(file, 'utf8')), environment, topology);
}
