/**
 * `npm run bundle [-- --out folder]`: the archives that are deployed, one per function, and `archives.auto.tfvars.json`, which
 * tells Terraform where they are. Prints what each weighs.
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { topology } from '../functions/topology.ts';
import { archiveOf, bundleFunction } from './deploy/bundle.ts';

const DEFAULT = join(dirname(fileURLToPath(import.meta.url)), '../.heliograph/archives');
const HEAVIEST = 5;

const { values } = parseArgs({ options: { out: { type: 'string', default: DEFAULT } } });
const folder = resolve(values.out);
mkdirSync(folder, { recursive: true });
const bundles = await Promise.all(Object.keys(topology.functions).map(bundleFunction));
const archives = bundles.map((bundle) => {
  const { file, bytes } = archiveOf(bundle);
  const path = join(folder, file);
  writeFileSync(path, bytes);
  console.log(
    `${bundle.name.padEnd(13)} ${kib(bundle.bytes.start)} at the start, ${kib(bundle.bytes.all)} in all, archive ${kib(bytes.length)}`,
  );
  return [bundle.name, path] as const;
});
writeFileSync(
  join(folder, 'archives.auto.tfvars.json'),
  `${JSON.stringify({ archives: Object.fromEntries(archives) }, null, 2)}\n`,
);

const heaviest = bundles.toSorted((a, b) => b.bytes.all - a.bytes.all)[0];
if (heaviest) {
  const parts = heaviest.packages.slice(0, HEAVIEST).map(([name, bytes]) => `${name} ${kib(bytes)}`);
  console.log(`The heaviest is ${heaviest.name}: ${parts.join(', ')}.`);
}

function kib(bytes: number): string {
  return `${Math.round(bytes / 1024)} KiB`;
}
