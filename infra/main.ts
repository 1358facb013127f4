/** `npm run synth`: writes what Terraform reads. Needs no network and no login. */

import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { topology } from '../functions/topology.ts';
import { readEnvironment, settingsFile } from './settings-file.ts';
import { synthesize } from './stack.ts';

const USAGE = `Usage: npm run synth -- [flags]

Writes the stack that Terraform reads. Needs no network and no login.

  --env <name>       dev or prod (dev)
  --settings <file>  another settings file than infra/settings.yaml, or its example where that is missing
  --out <folder>     where the stack is written (.heliograph/infra)
  --help             this text`;

try {
  const { values } = parseArgs({
    options: {
      help: { type: 'boolean', short: 'h' },
      env: { type: 'string', default: 'dev' },
      settings: { type: 'string' },
      out: { type: 'string', default: join(import.meta.dirname, '../.heliograph/infra') },
    },
  });
  if (values.help) {
    console.log(USAGE);
    process.exit();
  }
  const file = values.settings ?? settingsFile();
  const settings = readEnvironment(file, values.env, topology);
  const folder = synthesize({ environment: values.env, settings, topology, outdir: values.out });
  console.log(`${relative('.', folder)}/cdk.tf.json: ${values.env}, project ${settings.project}, from ${relative('.', file)}`);
} catch (error) {
  const { code, message } = error as NodeJS.ErrnoException;
  console.error(code?.startsWith('ERR_PARSE_ARGS') ? `${message.split('. ', 1)[0]}\n\n${USAGE}` : message);
  process.exitCode = 1;
}
