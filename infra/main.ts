/** `npm run synth -- --env dev|prod [--settings file] [--out folder]`: writes what Terraform reads. Needs no network and no login. */

import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { topology } from '../functions/topology.ts';
import { readEnvironment, settingsFile } from './settings-file.ts';
import { synthesize } from './stack.ts';

try {
  const { values } = parseArgs({
    options: {
      env: { type: 'string', default: 'dev' },
      settings: { type: 'string' },
      out: { type: 'string', default: join(import.meta.dirname, '../.heliograph/infra') },
    },
  });
  const file = values.settings ?? settingsFile();
  const settings = readEnvironment(file, values.env, topology);
  const folder = synthesize({ environment: values.env, settings, topology, outdir: values.out });
  console.log(`${relative('.', folder)}/cdk.tf.json: ${values.env}, project ${settings.project}, from ${relative('.', file)}`);
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
