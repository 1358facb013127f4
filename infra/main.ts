/** `npm run synth -- --env dev|prod [--settings file] [--out folder]`: writes what Terraform reads. Needs no network and no login. */

import { existsSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { topology } from '../functions/topology.ts';
import { readEnvironment } from './settings.ts';
import { synthesize } from './stack.ts';

const HERE = dirname(fileURLToPath(import.meta.url));
const OWN_SETTINGS = join(HERE, 'settings.yaml');
const EXAMPLE = join(HERE, 'settings.example.yaml');

try {
  const { values } = parseArgs({
    options: {
      env: { type: 'string', default: 'dev' },
      settings: { type: 'string' },
      out: { type: 'string', default: join(HERE, '../.heliograph/infra') },
    },
  });
  const file = values.settings ?? (existsSync(OWN_SETTINGS) ? OWN_SETTINGS : EXAMPLE);
  const settings = readEnvironment(file, values.env, topology);
  const folder = synthesize({ environment: values.env, settings, topology, outdir: values.out });
  console.log(`${relative('.', folder)}/cdk.tf.json: ${values.env}, project ${settings.project}, from ${relative('.', file)}`);
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
