import type { TerraformStack } from 'cdktf';
import type { Naming } from '../functions/core/addresses.ts';
import type { Topology } from '../functions/topology.ts';
import type { EnvironmentSettings } from './settings.ts';

/** What every part of the stack is made from. */
export interface Context {
  readonly stack: TerraformStack;
  readonly environment: string;
  readonly settings: EnvironmentSettings;
  readonly topology: Topology;
  /** The settings that names and addresses are made of, as the functions have them. */
  readonly naming: Naming;
}

/** The naming of an environment. Behind a balancer, its domain is the address of the front functions, and their audience. */
export function namingOf(settings: EnvironmentSettings, topology: Topology): Naming {
  const { project, projectNumber, region, balancer } = settings;
  const fronts = Object.entries(topology.functions).filter(([, { access }]) => access === 'front');
  const functionUrls = balancer ? Object.fromEntries(fronts.map(([name]) => [name, `https://${balancer.domain}`])) : {};
  return { project, projectNumber, region, functionUrls, oidc: {} };
}

/** The rows of a record, each with its name. */
export function rows<Row>(record: Readonly<Record<string, Row>>): (readonly [string, Row])[] {
  return Object.entries(record);
}

/** The functions that have the role to call one. */
export function callersOf({ functions }: Pick<Topology, 'functions'>, name: string): string[] {
  const calls = (caller: string) => functions[caller]?.roles.some((role) => role.kind === 'invoke' && role.function === name);
  return Object.keys(functions).filter(calls);
}

export const DAY_SECONDS = 86_400;

export type Named<Thing> = Readonly<Record<string, Thing>>;
