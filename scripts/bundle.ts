/**
 * `npm run bundle [-- --out folder]`: the archives that are deployed, one per function, and `archives.auto.tfvars.json`, which
 * tells Terraform where they are. Prints what each weighs.
 */

import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { nameArchives, pathsOf, writeArchives } from './deploy/archives.ts';

const DEFAULT = join(dirname(fileURLToPath(import.meta.url)), '../.heliograph/archives');
const HEAVIEST = 5;

const { values } = parseArgs({ options: { out: { type: 'string', default: DEFAULT } } });
const folder = resolve(values.out);
const archives = await writeArchives(folder);
for (const { bundle, bytes } of archives) {
  const weight = `${kib(bundle.bytes.start)} at the start, ${kib(bundle.bytes.all)} in all, archive ${kib(bytes)}`;
  console.log(`${bundle.name.padEnd(13)} ${weight}`);
}
nameArchives(folder, pathsOf(archives));

const heaviest = archives.map(({ bundle }) => bundle).toSorted((a, b) => b.bytes.all - a.bytes.all)[0];
if (heaviest) {
  const parts = heaviest.packages.slice(0, HEAVIEST).map(([name, bytes]) => `${name} ${kib(bytes)}`);
  console.log(`The heaviest is ${heaviest.name}: ${parts.join(', ')}.`);
}

function kib(bytes: number): string {
  return `${Math.round(bytes / 1024)} KiB`;
}
