/** A synthesized stack, as its tests read it: the JSON that Terraform gets. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Topology, topology } from '../../functions/topology.ts';
import { parseEnvironment } from '../../infra/settings.ts';
import { synthesize } from '../../infra/stack.ts';
import { temporaryFolder } from '../support/folder.ts';

export type Block = Readonly<Record<string, unknown>>;

export interface Synthesized {
  /** All resources of a type, by their name in the file. */
  all(type: string): Readonly<Record<string, Block>>;
  /** Every resource, with its type and name. */
  readonly every: readonly { readonly type: string; readonly name: string; readonly block: Block }[];
  /** What `${type.name.attribute}` stands for; the attribute's text where the file has it, as it stands otherwise. */
  resolve(reference: unknown): string;
  readonly json: { readonly resource: Readonly<Record<string, Readonly<Record<string, Block>>>> } & Block;
}

/** What stands at a place inside a block; the test that asks knows its type. */
export function at<Value>(block: unknown, ...keys: readonly (string | number)[]): Value {
  return keys.reduce((inner, key) => (inner as Readonly<Record<string | number, unknown>>)[key], block) as Value;
}

/** The front functions by name. */
export const fronts = Object.keys(topology.functions).filter((name) => topology.functions[name]?.access === 'front');

/** The smallest settings of an environment, and what a test adds. */
export const environmentOf = (more: Block = {}) => ({
  project: 'acme-agents',
  projectNumber: '123456789012',
  region: 'europe-west1',
  stateBucket: 'acme-agents-state',
  ...more,
});

/** Settings that make everything there is. */
export const full: Block = {
  publicFunctions: 'all',
  minimumInstances: { dispatch: 2 },
  maximumInstances: 30,
  alertEmails: ['operations@example.com'],
  monthlyBudget: { billingAccount: '0A1B2C-0A1B2C-0A1B2C', amount: 50, currency: 'EUR' },
  balancer: { domain: 'heliograph.example.com' },
  variables: { AGENT_COST_PER_RUN_CENTS: '7', ORCHESTRATOR_LOG_LEVEL: 'warn' },
};

/** Synthesizes `dev` from settings and a topology, in a folder that is gone afterwards. */
export function synthesized(more: Block = {}, from: Topology = topology): Synthesized {
  const folder = temporaryFolder();
  try {
    const settings = parseEnvironment({ environments: { dev: environmentOf(more) } }, 'dev', from);
    const stack = synthesize({ environment: 'dev', settings, topology: from, outdir: folder.path });
    return reading(JSON.parse(readFileSync(join(stack, 'cdk.tf.json'), 'utf8')));
  } finally {
    folder.remove();
  }
}

function reading(json: Synthesized['json']): Synthesized {
  const every = Object.entries(json.resource).flatMap(([type, blocks]) =>
    Object.entries(blocks).map(([name, block]) => ({ type, name, block })),
  );
  return {
    json,
    every,
    all: (type) => json.resource[type] ?? {},
    resolve(reference) {
      const [, type, name, attribute] = /^\$\{(\w+)\.([\w-]+)\.(\w+)\}$/.exec(String(reference)) ?? [];
      if (type === undefined || name === undefined || attribute === undefined) return String(reference);
      const block = json.resource[type]?.[name];
      if (block === undefined) throw new TypeError(`${reference} stands for nothing.`);
      if (attribute === 'id' && block.name !== undefined) return String(block.name);
      const email = `${block.account_id}@acme-agents.iam.gserviceaccount.com`;
      if (type === 'google_service_account') return attribute === 'member' ? `serviceAccount:${email}` : email;
      return String(block[attribute]);
    },
  };
}
