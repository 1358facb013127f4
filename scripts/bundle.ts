/** `npm run bundle`: the archives that are deployed, one per function, and what each weighs. */

import { join, resolve } from 'node:path';
import { nameArchives, pathsOf, writeArchives } from './bundle/archives.ts';
import { readFlags, runCommand } from './command-line/command.ts';

const DEFAULT = join(import.meta.dirname, '../.heliograph/archives');
const HEAVIEST = 5;

const USAGE = `Usage: npm run bundle -- [flags]

Writes the functions' archives, and archives.auto.tfvars.json, which tells Terraform where they are. npm run deploy makes its own,
unless its --archives names the folder of these. Needs no network and no login.

  --out <folder>  where they are written (.heliograph/archives)
  --help          this text`;

const OPTIONS = { out: { type: 'string', default: DEFAULT }, help: { type: 'boolean', short: 'h' } } as const;

await runCommand(async () => {
  const flags = readFlags(process.argv.slice(2), OPTIONS, USAGE);
  if (flags.help) return console.log(USAGE);
  const folder = resolve(flags.out);
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
});

function kib(bytes: number): string {
  return `${Math.round(bytes / 1024)} KiB`;
}
